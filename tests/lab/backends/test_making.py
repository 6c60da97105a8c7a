"""Which backend a service gets, by where the lab process stands."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from faultlab.lab.backends.container import Engine
from faultlab.lab.backends.imaged import Imaged
from faultlab.lab.backends.making import Making
from faultlab.lab.backends.specification import Command, Image, Routed
from faultlab.lab.backends.started import Started

ENGINE = cast("Engine", None)  # nothing is asked of it before a backend is opened
LOOP = cast("asyncio.AbstractEventLoop", None)


def nothing(*_: Any) -> None:
    """What is recorded or changed is of no interest here."""


def test_a_stub_of_its_own_is_a_process_where_no_containers_are(tmp_path: Path) -> None:
    """The history says what was halted, so that a reader knows what the fault was."""
    apart = Making(LOOP, ENGINE, None, tmp_path / "armed.jsonl").apart(
        "core", Routed("{}"), nothing, start=0.0, changed=lambda: None
    )
    assert apart.what == "stub process"


def test_a_stub_of_its_own_is_a_container_beside_those_that_runs_share(tmp_path: Path) -> None:
    """Also where this run's services are served by none of them."""
    apart = Making(LOOP, ENGINE, {}, tmp_path / "armed.jsonl").apart(
        "core", Routed("{}"), nothing, start=0.0, changed=lambda: None
    )
    assert (apart.what, apart.halts) == ("stub container", "paused by the engine")


def test_a_service_without_a_place_is_refused_by_its_name(tmp_path: Path) -> None:
    """A stub that nobody serves would show as a client's failure."""
    making = Making(LOOP, ENGINE, {}, tmp_path / "armed.jsonl")
    with pytest.raises(ValueError, match=r"^orders: no process serves its stub here$"):
        making.shared("orders", Routed("{}"), nothing, start=0.0, changed=lambda: None)


def test_a_server_is_a_command_or_an_image(tmp_path: Path) -> None:
    """As its author wrote it."""
    making = Making(LOOP, ENGINE, None, tmp_path / "armed.jsonl")
    command = Command(arguments=("./orders",), folder=str(tmp_path))
    image = Image(image="nginx:1", port=80)
    assert isinstance(making.started("orders", command, changed=lambda: None), Started)
    assert isinstance(making.started("orders", image, changed=lambda: None), Imaged)
