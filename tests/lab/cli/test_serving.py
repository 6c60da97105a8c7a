"""The commands that serve: what they refuse before anything listens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result

Call = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stubs", "nobody"], "nobody"),
        (["stubs", "core", "--port", "core=x"], "core=x"),
        (["proxy", "--port", "70000"], "70000"),
        (["proxy", "--config", "nowhere.json"], "nowhere.json"),
    ],
)
def test_what_cannot_be_served_is_exit_2_and_named(
    call: Call, arguments: list[str], said: str
) -> None:
    """Nothing is half started."""
    ended = call(*arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert said in ended.stderr
