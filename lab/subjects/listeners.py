"""The services' listeners as a subject's process knows them: which address is which service.

Pure; the environment says where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

__all__ = ["LOOPBACK", "Listeners", "is_loopback"]

LOOPBACK = "127.0.0.1"


class Listeners:
    """Services by the addresses of their urls. A call that adds one may race with those that look."""

    def __init__(self, urls: Mapping[str, str] | None = None) -> None:
        self._services: dict[tuple[str, int], str] = {}
        for service, url in (urls or {}).items():
            self.add(service, url)

    def add(self, service: str, url: str) -> None:
        """One more: `http://ADDRESS:PORT`."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._services[_listening(parts.hostname), parts.port] = service

    def service(self, host: object, port: object) -> str | None:
        """Whose listener a client reaches at this host and port; None: nobody's."""
        if not isinstance(host, str) or not isinstance(port, int):
            return None
        return self._services.get((_listening(host), port))

    @property
    def on_loopback(self) -> bool:
        """Whether all of them are on the loopback."""
        return all(host == LOOPBACK for host, _ in self._services)

    @property
    def by_port(self) -> dict[int, str]:
        """The services by their ports alone."""
        return {port: service for (_, port), service in self._services.items()}


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as a client may write it."""
    return host == "localhost" or host.startswith("127.")


def _listening(host: str) -> str:
    """Where what a client writes leads: all of the loopback is one."""
    return LOOPBACK if is_loopback(host) else host
