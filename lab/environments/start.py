"""The lab process of an environment, by the environment's name; a new one where it has ended."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable

from ..errors import SetupError
from .embedded import LabProcess
from .host import Host
from .toxiproxy import found

__all__ = ["Lasting", "start"]


def start(
    environment: str,
    say: Callable[[str], None],
    proxy: str = "embedded",
    services: Iterable[str] = (),
) -> Host:
    """Start it; `say` gets a line for whatever takes long before, as an image that is built.

    `services`: those whose stubs will be wanted, as far as that is known. `proxy`: one of `PROXIES`,
    for `embedded`. Raises SetupError, and KeyError for a name that is not among `ENVIRONMENTS`.
    """
    return _HOSTS[environment](say, proxy, services)


class Lasting:
    """The lab process of a session or a command: started when first asked for, anew when it is gone.

    The runs that were in it when it ended are lost, with what they had recorded; later ones are not.
    `begin` starts one, as `start` does. Thread-safe.
    """

    def __init__(self, begin: Callable[[], Host]) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self._host: Host | None = None
        self._closed = False

    def host(self) -> Host:
        """That which runs. Raises SetupError where none starts, and when it is closed."""
        with self._lock:
            if self._closed:
                raise SetupError("the run was stopped")
            known, self._host = self._host, None
            if known is not None and not known.alive:
                known.close()
                known = None
            self._host = self._begin() if known is None else known
            return self._host

    def close(self) -> None:
        """End it, for good. Raises SetupError if something of it does not go."""
        with self._lock:
            self._closed = True
            if self._host is not None:
                self._host.close()


def _embedded(_say: Callable[[str], None], proxy: str, _services: Iterable[str]) -> Host:
    return LabProcess(found(os.environ) if proxy == "toxiproxy" else None)


def _docker(say: Callable[[str], None], _proxy: str, services: Iterable[str]) -> Host:
    from .docker.lab import DockerLab  # late: what most runs don't need takes a while

    return DockerLab(say, services)


_HOSTS: dict[str, Callable[[Callable[[str], None], str, Iterable[str]], Host]] = {
    "embedded": _embedded,
    "docker": _docker,
}
