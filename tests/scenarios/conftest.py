from collections.abc import Callable

import pytest

from faultlab.scenarios.errors import ScenarioError
from faultlab.scenarios.loader import parse


@pytest.fixture(scope="session")
def refused() -> Callable[[str], str]:
    """The message that a file is refused with."""

    def message(text: str) -> str:
        with pytest.raises(ScenarioError) as caught:
            parse(text.encode(), "orders.yaml")
        return str(caught.value)

    return message


@pytest.fixture(scope="session")
def of_step(refused: Callable[[str], str]) -> Callable[[str], str]:
    """The message for one step of a fault phase, without its place."""

    def message(step: str) -> str:
        lines = "\n    ".join(step.splitlines())
        return refused(f"scenario: A\nfault:\n  - inject: refused\n  - read: ok\n  - {lines}\n")

    return message
