"""As many descriptors as this process may have: each connection through a proxy takes two of them.

Counterparts: the processes that serve (host.py, toxiproxy/alone.py) ask once, at their start.
"""

from __future__ import annotations

import contextlib
import resource

__all__ = ["take"]

WANTED = 65536


def take() -> None:
    """Raise this process's limit as far as it may, and no further than is of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # the usual number must do
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
