"""The command line, called in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from faultlab.lab.cli import main


@pytest.fixture
def call() -> Callable[..., Result]:
    """Calls it with these arguments."""

    def called(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    return called
