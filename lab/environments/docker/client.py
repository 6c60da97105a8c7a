"""The way to the Docker engine of this machine, and what is said where there is none.

Containers share the lab's folders, sockets and clock, so the engine has to run on the same kernel.
"""

from __future__ import annotations

import platform
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import SetupError

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["connect", "place_of", "unfit", "unreachable"]

_USUAL = "/var/run/docker.sock"
_UNIX = "unix://"
_OLDEST = (1, 41)  # the API of Docker 20.10
_PATIENCE = 5.0  # seconds for an engine to take a connection


def connect(environ: Mapping[str, str]) -> DockerClient:
    """A client of the engine that `environ` names, or of the usual one. Raises SetupError."""
    import docker  # it takes a while, and most commands need none
    from docker.errors import DockerException

    place = place_of(environ)
    try:
        # The SDK would leave its socket open where nobody answers.
        with socket.socket(socket.AF_UNIX) as knock:
            knock.settimeout(_PATIENCE)
            knock.connect(place)
    except OSError as error:
        raise unreachable(error, place) from None
    try:
        client = docker.DockerClient(base_url=f"{_UNIX}{place}", version="auto")
    except DockerException as error:
        raise unreachable(error, place) from None
    try:
        problem = unfit(client.version(), client.info(), platform.release())
    except (DockerException, OSError) as error:
        problem = unreachable(error, place)
    if problem is not None:
        client.close()
        raise problem
    return client


def place_of(environ: Mapping[str, str]) -> str:
    """The path of the engine's socket. Raises SetupError for an engine that has none here."""
    named = environ.get("DOCKER_HOST", "")
    if named and not named.startswith(_UNIX):
        raise SetupError(
            f"the Docker engine at {named} can't be used",
            expected="one on this machine: its containers share folders and clock with the lab",
            mend="unset DOCKER_HOST",
        )
    return named.removeprefix(_UNIX) or _USUAL


def unreachable(error: Exception, place: str) -> SetupError:
    """Why there is no engine to talk to."""
    seen = getattr(error, "strerror", None) or str(error)
    if isinstance(error, PermissionError):
        return SetupError(
            f"no right to use the Docker engine at {place}",
            seen=seen,
            mend="join the group `docker` (it gives root's rights), or run the lab as root",
        )
    return SetupError(
        f"no Docker engine answers at {place}",
        seen=seen,
        mend="start it (`systemctl start docker`, or `dockerd`); --env embedded needs none",
    )


def unfit(version: Mapping[str, Any], info: Mapping[str, Any], kernel: str) -> SetupError | None:
    """Why an engine that says this of itself can't be used on a machine with this kernel, or None."""
    api = str(version["ApiVersion"])
    if tuple(int(part) for part in api.split(".")) < _OLDEST:
        return SetupError(
            "the Docker engine is too old",
            expected=f"20.10 or later, API {'.'.join(map(str, _OLDEST))}",
            seen=f"{version['Version']}, API {api}",
        )
    if version["Os"] != "linux" or info["KernelVersion"] != kernel:  # Docker Desktop, and its like
        return SetupError(
            "the Docker engine runs in a machine of its own",
            expected=f"one on the lab's own kernel, Linux {kernel}",
            seen=f"{info['OperatingSystem']}, {info['KernelVersion']}",
            mend="--env embedded, or the lab inside that machine",
        )
    if "name=rootless" in info.get("SecurityOptions", ()):
        return SetupError(
            "the Docker engine runs without root's rights",
            expected="one whose containers' addresses can be reached from this machine",
            seen="rootless",
            mend="--env embedded, or DOCKER_HOST names another",
        )
    return None
