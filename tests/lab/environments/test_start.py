"""Each environment that can be named has a lab process that can be started."""

from faultlab.lab.environments import ENVIRONMENTS
from faultlab.lab.environments.start import _HOSTS


def test_every_environment_can_be_started() -> None:
    """A name that `--env` takes and nothing starts would fail in the middle of a run."""
    assert _HOSTS.keys() == ENVIRONMENTS.keys()
