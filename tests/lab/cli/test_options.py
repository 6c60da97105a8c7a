"""The options that several commands have."""

from __future__ import annotations

from faultlab.lab.cli.options import ENVIRONMENTS, PROXIES
from faultlab.lab.environments import ENVIRONMENTS as KNOWN
from faultlab.lab.environments import PROXIES as KNOWN_PROXIES


def test_environments_are_those_that_there_are() -> None:
    """The command line names them without loading them."""
    assert set(ENVIRONMENTS) == KNOWN.keys()
    assert PROXIES == KNOWN_PROXIES
