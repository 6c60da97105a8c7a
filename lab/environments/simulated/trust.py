"""What a TLS context trusts is read from its file once, and again only where something asks for it.

To read the certificates of some hundred authorities takes tens of milliseconds, which every client
spends as it is made, also one that is never sent to a TLS server.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from .swapping import Added, Function, Replacement

__all__ = ["replacements"]

_FILE: Final = "_trusted_later"


def replacements(on: Callable[[], bool]) -> Iterator[Replacement]:
    """What stands in for `SSLContext.load_verify_locations` where a run is on."""
    read: set[tuple[str, int, int] | None] = set()  # without an error

    def make(real: Function) -> Function:
        def load_verify_locations(
            context: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None
        ) -> None:
            file = None
            if on() and type(context) is ssl.SSLContext and not (capath or cadata):
                file = _identity(cafile)
            if file in read:
                vars(context)[_FILE] = cafile
                context.__class__ = _Later
                return
            real(context, cafile, capath, cadata)
            if file is not None:
                read.add(file)

        return load_verify_locations

    yield Added(ssl.SSLContext, "load_verify_locations", make)


def _identity(cafile: Any) -> tuple[str, int, int] | None:
    """A file as it stands; None: there is none, or it can't be looked at."""
    try:
        path = Path(os.fsdecode(cafile)).resolve()
        found = path.stat()
    except (OSError, TypeError, ValueError):
        return None
    return str(path), found.st_size, found.st_mtime_ns


class _Later(ssl.SSLContext):
    """A context whose file is not read yet. Once it is, this is an ordinary one."""

    def _read(self) -> ssl.SSLContext:
        cafile = vars(self).pop(_FILE)
        context: ssl.SSLContext = self
        context.__class__ = ssl.SSLContext
        super(ssl.SSLContext, context).load_verify_locations(cafile)
        return context

    def load_verify_locations(self, *args: Any, **kwargs: Any) -> None:
        """As the real one, beside the first file."""
        self._read().load_verify_locations(*args, **kwargs)

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """As the real one."""
        return self._read().wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """As the real one."""
        return self._read().wrap_socket(*args, **kwargs)

    def get_ca_certs(self, *args: Any, **kwargs: Any) -> Any:
        """As the real one."""
        return self._read().get_ca_certs(*args, **kwargs)

    def cert_store_stats(self) -> dict[str, int]:
        """As the real one."""
        return self._read().cert_store_stats()
