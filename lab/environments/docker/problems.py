"""What an engine's refusal means to whoever can mend it. Pure."""

from __future__ import annotations

import errno

from ...errors import SetupError

__all__ = ["NotThereError", "SubnetTakenError", "of_engine", "refused"]

_START = "start it (`systemctl start docker`, or `dockerd`), or play in `--env embedded`"
_RIGHTS = (
    "join the group that owns the socket (`usermod -aG docker USER`, then log in again), or be root"
)


class SubnetTakenError(SetupError):
    """Another network has these addresses."""


class NotThereError(SetupError):
    """It is gone already."""


def of_engine(error: BaseException, place: str) -> SetupError:
    """Why no engine answers at `place` (a URL)."""
    number = _errno(error)
    if number == errno.ENOENT:
        return SetupError(f"no Docker engine at {place}", mend=_START)
    if number == errno.ECONNREFUSED:
        return SetupError(f"no Docker engine answers at {place}", mend=_START)
    if number in (errno.EACCES, errno.EPERM):
        return SetupError(f"no right to use the Docker engine at {place}", mend=_RIGHTS)
    return SetupError(f"the Docker engine at {place} can't be used", seen=_told(error))


def refused(doing: str, error: BaseException, *, status: int | None, told: str) -> SetupError:
    """Why the engine did not do what it was asked; `told` is its own message."""
    low = told.lower()
    if "pool overlaps" in low or "overlaps with" in low:
        return SubnetTakenError(f"{doing}: the addresses are another network's", seen=told)
    if "address already in use" in low or "port is already allocated" in low:
        return SetupError(
            f"{doing}: a port of it is taken", seen=told, mend="end what has it, or name another"
        )
    if "no such image" in low:
        return SetupError(f"{doing}: its image is missing", seen=told)
    if "no space left" in low:
        return SetupError(
            f"{doing}: the engine's disk is full", seen=told, mend="`docker system prune`"
        )
    if status == 404:
        return NotThereError(f"{doing}: it is gone", seen=told)
    if status is None:
        return SetupError(
            f"{doing}: the Docker engine is gone or does not answer", seen=told or _told(error)
        )
    return SetupError(f"{doing}: the Docker engine refuses", seen=told)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _errno(error: BaseException | None) -> int | None:
    """The system's number somewhere in a chain of errors, whose links carry others as arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, OSError) and one.errno is not None:
            return one.errno
        waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return None
