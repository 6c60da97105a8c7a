"""A run whose rig, stubs and client stand in one simulated loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from faultlab.faults import Frozen, Killed, Latency, Partition, Refused, Stopped
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.simulated import SimulatedLoop
from faultlab.lab.errors import FaultError, SetupError
from faultlab.lab.history import ConnClosed, Header, History, SubjectOpened
from faultlab.lab.simulation.environment import Direct, Simulation

CONTEXT = ssl.create_default_context()
ROUTES = parse({"GET /orders/{id}": {"id": 7}}, "orders")

Program = Callable[[Simulation, httpx.AsyncClient], Coroutine[Any, Any, None]]


def played(program: Program, folder: Path, seed: int = 1) -> History:
    """The history of a program with a client, where a stub serves `orders`."""
    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(seed=seed)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SimulatedLoop)
        simulation = Simulation(loop, header=Header(seed=seed), path=folder / "history.jsonl")
        url = simulation.serve("orders", ROUTES)

        async def whole() -> None:
            async with httpx.AsyncClient(verify=CONTEXT, base_url=url, timeout=5) as client:
                await program(simulation, client)

        runner.run(whole())
        return simulation.close()


def test_a_fault_is_in_force_on_return_and_its_history_is_exact(tmp_path: Path) -> None:
    """Stamps are virtual; nothing is ever late."""

    async def program(simulation: Simulation, client: httpx.AsyncClient) -> None:
        assert (await client.get("/orders/7")).json() == {"id": 7}
        armed = simulation.inject(1, Latency(service="orders", delay=2.0))
        began = simulation.clock()
        await client.get("/orders/7")
        assert 2.0 <= simulation.clock() - began < 2.01
        assert armed.first.done()
        simulation.clear(1)
        assert armed.over.done()
        await asyncio.sleep(1800)

    history = played(program, tmp_path)
    assert [event.late for event in history] == [0.0] * len(history)
    assert history.header.environment == "simulated"
    assert max(event.t for event in history) >= 1802


@pytest.mark.parametrize("kind", [Stopped, Killed])
@pytest.mark.parametrize("used", [False, True])
def test_a_process_is_gone_on_return_and_back_when_it_should_be(
    tmp_path: Path, kind: type[Stopped | Killed], used: bool
) -> None:
    """Though the loop that it runs on turns no further meanwhile."""

    async def program(simulation: Simulation, client: httpx.AsyncClient) -> None:
        if used:
            await client.get("/orders/7")
        simulation.inject(1, kind(service="orders"))
        await asyncio.sleep(0.001)  # what its kernel sends is on its way
        with pytest.raises(httpx.ConnectError):
            await client.get("/orders/7")
        simulation.clear(1)
        assert (await client.get("/orders/7")).json() == {"id": 7}
        simulation.inject(2, kind(service="orders", restart=3.0))
        await asyncio.sleep(2.9)
        with pytest.raises(httpx.ConnectError):
            await client.get("/orders/7")
        await asyncio.sleep(0.2)
        assert (await client.get("/orders/7")).json() == {"id": 7}

    played(program, tmp_path)


def test_a_frozen_process_answers_when_it_goes_on(tmp_path: Path) -> None:
    """Its kernel takes what is sent meanwhile."""

    async def program(simulation: Simulation, client: httpx.AsyncClient) -> None:
        await client.get("/orders/7")
        simulation.inject(1, Frozen(service="orders"))
        began = simulation.clock()
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/orders/7")
        assert simulation.clock() - began == pytest.approx(5.0)
        asking = asyncio.create_task(client.get("/orders/7"))
        await asyncio.sleep(2.0)
        assert not asking.done()
        simulation.clear(1)
        assert (await asking).json() == {"id": 7}

    played(program, tmp_path)


def test_a_backend_is_cut_off_from_its_proxy(tmp_path: Path) -> None:
    """It has a host of its own."""

    async def program(simulation: Simulation, client: httpx.AsyncClient) -> None:
        await client.get("/orders/7")
        simulation.inject(1, Partition(service="orders", between="proxy"))
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/orders/7")
        simulation.clear(1)
        assert (await client.get("/orders/7")).json() == {"id": 7}

    played(program, tmp_path)


def test_a_stub_moves_to_a_process_only_while_no_call_is_under_way(tmp_path: Path) -> None:
    """As everywhere: the call would be lost with it."""

    async def program(simulation: Simulation, client: httpx.AsyncClient) -> None:
        whole = asyncio.Event()

        async def halves() -> AsyncIterator[bytes]:
            yield b"1234"
            await whole.wait()
            yield b"5678"

        asking = asyncio.create_task(client.request("GET", "/orders/7", content=halves()))
        await asyncio.sleep(0.5)
        with pytest.raises(FaultError, match="a call is under way or held"):
            simulation.inject(1, Killed(service="orders"))
        whole.set()
        assert (await asking).json() == {"id": 7}

    played(program, tmp_path)


def test_what_it_can_not_do_is_refused_by_name(tmp_path: Path) -> None:
    """Servers are outside; so is a service that is not here."""

    async def program(simulation: Simulation, client: httpx.AsyncClient) -> None:
        for fault in (Killed(service="core"), Refused(service="core")):
            with pytest.raises(FaultError, match=fault.kind):
                simulation.inject(1, fault)
            with pytest.raises(FaultError, match=fault.kind):
                simulation.demand_fit(fault)
        for server in ("cmd:./shop --port {port}", "http://10.0.0.9:80"):
            with pytest.raises(SetupError, match="outside the simulation"):
                simulation.serve("shop", parse(server, "shop"))

    played(program, tmp_path)


def test_one_seed_gives_one_history_and_another_another(tmp_path: Path) -> None:
    """Every byte after the header's line."""

    async def program(simulation: Simulation, client: httpx.AsyncClient) -> None:
        simulation.inject(1, Latency(service="orders", delay=1.0, jitter=0.5))
        for _ in range(3):
            await client.get("/orders/7")

    def lines(seed: int, name: str) -> list[bytes]:
        (folder := tmp_path / name).mkdir()
        played(program, folder, seed)
        return (folder / "history.jsonl").read_bytes().splitlines()[1:]

    assert lines(1, "one") == lines(1, "again") != lines(2, "other")


def test_what_is_late_still_comes_before_it_closes(tmp_path: Path) -> None:
    """A request that its client has given up is carried out, and counted."""

    async def program(simulation: Simulation, client: httpx.AsyncClient) -> None:
        simulation.inject(1, Latency(service="orders", delay=1.0))
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/orders/7", timeout=0.5)
        simulation.barrier()

    history = played(program, tmp_path)
    assert any(isinstance(event, ConnClosed) for event in history)


def test_a_file_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """Before anything is started."""
    loop = SimulatedLoop(seed=1)
    with pytest.raises(SetupError, match="can't be written"):
        Simulation(loop, header=Header(), path=tmp_path)
    loop.close()


def test_the_subjects_events_are_recorded_at_once(tmp_path: Path) -> None:
    """Subject and recorder are in one loop; no socket is between them."""

    async def program(simulation: Simulation, client: httpx.AsyncClient) -> None:
        channel = Direct(simulation)
        channel.record(SubjectOpened(t=simulation.clock()))
        channel.mark(1)
        assert isinstance(tuple(simulation.events())[-1], SubjectOpened)
        channel.close()

    played(program, tmp_path)
