"""The lab process of an environment, by the environment's name."""

from __future__ import annotations

from collections.abc import Callable

from .docker.lab import DockerLab
from .embedded import LabProcess
from .host import Host

__all__ = ["start"]

_HOSTS: dict[str, Callable[[], Host]] = {"embedded": LabProcess, "docker": DockerLab}


def start(environment: str) -> Host:
    """Start it. Raises SetupError, and KeyError for a name that is not among `ENVIRONMENTS`."""
    return _HOSTS[environment]()
