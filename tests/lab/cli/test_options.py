"""The options that several commands have."""

from __future__ import annotations

from faultlab.lab.cli.options import ENVIRONMENTS
from faultlab.lab.environments import ENVIRONMENTS as KNOWN


def test_environments_are_those_that_there_are() -> None:
    """The command line names them without loading them."""
    assert set(ENVIRONMENTS) == KNOWN.keys()
