"""What an engine's refusal means to whoever can mend it. Pure."""

from __future__ import annotations

from ...errors import SetupError

__all__ = ["NotThereError", "SubnetTakenError", "refused"]


class SubnetTakenError(SetupError):
    """Another network has these addresses."""


class NotThereError(SetupError):
    """It is gone already."""


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
