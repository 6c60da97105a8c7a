"""The lab process of an environment, by the environment's name."""

from __future__ import annotations

import os
from collections.abc import Callable

from .docker.lab import DockerLab
from .embedded import LabProcess
from .host import Host
from .toxiproxy import found

__all__ = ["start"]


def start(environment: str, say: Callable[[str], None], proxy: str = "embedded") -> Host:
    """Start it; `say` gets a line for whatever takes long before, as an image that is built.

    `proxy`: one of `PROXIES`, for `embedded`. Raises SetupError, and KeyError for a name that is not
    among `ENVIRONMENTS`.
    """
    return _HOSTS[environment](say, proxy)


def _embedded(_say: Callable[[str], None], proxy: str) -> Host:
    return LabProcess(found(os.environ) if proxy == "toxiproxy" else None)


def _docker(say: Callable[[str], None], _proxy: str) -> Host:
    return DockerLab(say)


_HOSTS: dict[str, Callable[[Callable[[str], None], str], Host]] = {
    "embedded": _embedded,
    "docker": _docker,
}
