"""The lab process of an environment, by the environment's name."""

from __future__ import annotations

from collections.abc import Callable

from .docker.lab import DockerLab
from .embedded import LabProcess
from .host import Host

__all__ = ["start"]

_HOSTS: dict[str, Callable[[Callable[[str], None]], Host]] = {
    "embedded": lambda _: LabProcess(),
    "docker": lambda say: DockerLab(say),
}


def start(environment: str, say: Callable[[str], None]) -> Host:
    """Start it; `say` gets a line for whatever takes long before, as an image that is built.

    Raises SetupError, and KeyError for a name that is not among `ENVIRONMENTS`.
    """
    return _HOSTS[environment](say)
