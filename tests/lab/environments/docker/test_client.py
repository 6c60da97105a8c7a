"""What is said where there is no engine to use."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from faultlab.lab.environments.docker.client import connect, place_of, unfit, unreachable
from faultlab.lab.errors import SetupError

VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "Os": "linux"}
INFO: dict[str, Any] = {
    "OperatingSystem": "Debian GNU/Linux 12",
    "KernelVersion": "6.1.0",
    "SecurityOptions": [],
}


def test_nobody_listens(tmp_path: Path) -> None:
    """Told at once, with the place and what to do."""
    with pytest.raises(SetupError) as refused:
        connect({"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"})
    assert str(refused.value) == (
        f"no Docker engine answers at {tmp_path}/docker.sock\n"
        "  seen       No such file or directory\n"
        "  mend       start it (`systemctl start docker`, or `dockerd`); --env embedded needs none"
    )


def test_what_listens_and_is_no_engine_is_none(tmp_path: Path) -> None:
    """A socket that outlived its engine, or whose other end says nothing."""
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with pytest.raises(SetupError, match="no Docker engine answers") as refused:
        connect({"DOCKER_HOST": f"unix://{path}"})
    assert refused.value.rows["seen"] == "Connection refused"


def test_who_may_not_is_told_how_to_be_allowed() -> None:
    """Starting an engine that runs would not help."""
    problem = unreachable(PermissionError(13, "Permission denied"), "/var/run/docker.sock")
    assert problem.text == "no right to use the Docker engine at /var/run/docker.sock"
    assert problem.rows["mend"].startswith("join the group `docker`")


def test_an_engine_elsewhere_is_refused_by_name() -> None:
    """It could not see the lab's folders."""
    with pytest.raises(SetupError, match=r"the Docker engine at tcp://far:2375 can't be used"):
        place_of({"DOCKER_HOST": "tcp://far:2375"})
    assert place_of({"DOCKER_HOST": "unix:///run/other.sock"}) == "/run/other.sock"
    assert place_of({"DOCKER_HOST": ""}) == "/var/run/docker.sock"


@pytest.mark.parametrize(
    ("version", "info", "problem"),
    [
        ({}, {}, None),
        ({"ApiVersion": "1.52"}, {}, None),
        ({"ApiVersion": "2.0"}, {}, None),
        ({"Version": "19.3", "ApiVersion": "1.40"}, {}, "is too old"),
        ({"ApiVersion": "1.9"}, {}, "is too old"),
        ({}, {"KernelVersion": "6.6.1-linuxkit"}, "runs in a machine of its own"),
        ({"Os": "windows"}, {}, "runs in a machine of its own"),
        ({}, {"SecurityOptions": ["name=seccomp", "name=rootless"]}, "without root's rights"),
    ],
)
def test_an_engine_that_can_t_carry_a_lab_is_known_before_anything_is_made(
    version: dict[str, str], info: dict[str, Any], problem: str | None
) -> None:
    """What would go wrong later goes wrong with no word about the reason."""
    found = unfit(VERSION | version, INFO | info, "6.1.0")
    assert (found is None) if problem is None else (found is not None and problem in found.text)
