"""Unmodified clients meet on the simulated network what they meet on loopback sockets.

The bodies are the same, and compared is all that both sides say: outcomes in order, and what the
server met on which connection. What is expected stands here once, and holds in both places.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from . import server as does
from .clients import CLIENTS, IDLE, RETRYING, Client
from .places import real, simulated
from .server import Server

SOON = 0.05

Told = tuple[list[str], list[tuple[int, str]]]


@dataclass(frozen=True)
class Case:
    """A script of the server, how long a client waits before each request, and what it is told.

    `told` is in the order of CLIENTS.
    """

    script: tuple[does.Deed, ...]
    gaps: tuple[float, ...]
    connections: tuple[int, ...]
    told: tuple[str, ...]


CASES = {
    "five in a row": Case(
        (does.answer,),
        (0.0,) * 5,
        (1, 1, 1, 1, 1, 1),
        ("ok ok ok ok ok",) * 6,
    ),
    "five with gaps below the expiry": Case(
        (does.answer,),
        (0.0, *(IDLE / 4,) * 4),
        (1, 1, 1, 1, 1, 1),
        ("ok ok ok ok ok",) * 6,
    ),
    "two with a gap above the expiry": Case(
        (does.answer,),
        (0.0, IDLE * 2),
        (2, 2, 2, 1, 2, 2),
        ("ok ok",) * 6,
    ),
    "closed while idle, and seen": Case(
        (does.answer_and_end, does.answer),
        (0.0, SOON),
        (2, 2, 2, 1, 2, 2),
        ("ok ok", "ok ok", "ok ok", "ok EndOfStream", "ok ok", "ok ok"),
    ),
    "stale: closed as the next request comes": Case(
        (does.answer, does.end, does.answer),
        (0.0, SOON, SOON),
        (2, 2, 2, 2, 2, 2),
        (
            "ok RemoteProtocolError ok",
            "ok RemoteProtocolError ok",
            "ok ok ok",
            "ok EndOfStream ok",
            *("ok APIConnectionError ok",) * 2,
        ),
    ),
    "stale: reset as the next request comes": Case(
        (does.answer, does.reset, does.answer),
        (0.0, SOON, SOON),
        (2, 2, 2, 2, 2, 2),
        (
            "ok ReadError ok",
            "ok ReadError ok",
            "ok ok ok",
            "ok BrokenResourceError ok",
            *("ok APIConnectionError ok",) * 2,
        ),
    ),
    "silent": Case(
        (does.say_nothing,),
        (0.0,),
        (1, 1, 1, 1, 1, 1),
        (
            "ReadTimeout",
            "ReadTimeout",
            "SocketTimeoutError",
            "TimeoutError",
            *("APITimeoutError",) * 2,
        ),
    ),
    "dripping": Case((does.drip,), (0.0,), (1, 1, 1, 1, 1, 1), ("ok",) * 6),
    "FIN for an answer": Case(
        (does.end,),
        (0.0,),
        (1, 1, 2, 1, 1, 1),
        (
            "RemoteProtocolError",
            "RemoteProtocolError",
            "ServerDisconnectedError",
            "EndOfStream",
            *("APIConnectionError",) * 2,
        ),
    ),
    "RST for an answer": Case(
        (does.reset,),
        (0.0,),
        (1, 1, 2, 1, 1, 1),
        (
            "ReadError",
            "ReadError",
            "ClientOSError",
            "BrokenResourceError",
            *("APIConnectionError",) * 2,
        ),
    ),
    "truncated": Case(
        (does.truncate,),
        (0.0,),
        (1, 1, 1, 1, 1, 1),
        (
            "RemoteProtocolError",
            "RemoteProtocolError",
            "ClientPayloadError",
            "EndOfStream",
            *("APIConnectionError",) * 2,
        ),
    ),
    "RST in the body": Case(
        (does.reset_in_the_body,),
        (0.0,),
        (1, 1, 1, 1, 1, 1),
        (
            "ReadError",
            "ReadError",
            "ClientPayloadError",
            "BrokenResourceError",
            *("APIConnectionError",) * 2,
        ),
    ),
}
NUMBERS = {name: number for number, name in enumerate(CLIENTS)}

over_clients = pytest.mark.parametrize("name", CLIENTS)
over_cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


async def play(client: Client, case: Case, _: str) -> Told:
    """The requests of a case, one after the other."""
    async with Server(*case.script) as server:
        outcomes = []
        async with client(10) as get:
            for gap in case.gaps:
                await asyncio.sleep(gap)
                outcomes.append(await get(server.address))
        await asyncio.sleep(SOON)  # what was sent last arrives
        return outcomes, list(server.events)


@over_clients
@over_cases
def test_a_client_tells_what_it_would_of_real_sockets(name: str, case: Case) -> None:
    """The slow twin of this test holds them to it."""
    outcomes, events = simulated(partial(play, CLIENTS[name], case))
    assert " ".join(outcomes) == case.told[NUMBERS[name]]
    assert len({number for number, _ in events}) == case.connections[NUMBERS[name]]


@pytest.mark.slow
@pytest.mark.wire
@over_clients
@over_cases
def test_both_sides_tell_the_same_in_both_places(name: str, case: Case) -> None:
    """Outcomes in order, and each thing that the server met."""
    program: Any = partial(play, CLIENTS[name], case)
    assert simulated(program) == real(program)


async def unreached(client: Client, dark: str) -> list[str]:
    """An address that refuses, and one that does not answer."""
    async with Server(does.answer) as server:
        pass
    async with client(10) as get:
        return [await get(server.address), await get(dark)]


UNREACHED = {
    "httpx": ["ConnectError", "ConnectTimeout"],
    "httpx2": ["ConnectError", "ConnectTimeout"],
    "aiohttp": ["ClientConnectorError", "ConnectionTimeoutError"],
    "anyio": ["OSError", "TimeoutError"],
    "anthropic": ["APIConnectionError", "APITimeoutError"],
    "openai": ["APIConnectionError", "APITimeoutError"],
}


@over_clients
@pytest.mark.parametrize(
    "place", [simulated, pytest.param(real, marks=[pytest.mark.slow, pytest.mark.wire])]
)
def test_refused_and_unanswered_are_told_apart(name: str, place: Any) -> None:
    """By the class of the exception."""
    assert place(partial(unreached, CLIENTS[name])) == UNREACHED[name]


async def crowded(client: Client, _: str) -> list[str]:
    """Two at once where one connection may be; the first is answered slowly."""
    async with Server(does.drip) as server, client(1) as get:
        first = asyncio.create_task(get(server.address))
        await asyncio.sleep(SOON)
        second = await get(server.address)
        return [await first, second, str(len(server.connections))]


CROWDED = {
    "httpx": ["ok", "PoolTimeout", "1"],
    "httpx2": ["ok", "PoolTimeout", "1"],
    "aiohttp": ["ok", "ConnectionTimeoutError", "1"],
    "anthropic": ["ok", "APITimeoutError", "1"],
    "openai": ["ok", "APITimeoutError", "1"],
}


@pytest.mark.parametrize("name", CROWDED)
@pytest.mark.parametrize(
    "place", [simulated, pytest.param(real, marks=[pytest.mark.slow, pytest.mark.wire])]
)
def test_a_full_pool_is_told_apart(name: str, place: Any) -> None:
    """The second waits as long as it may."""
    assert place(partial(crowded, CLIENTS[name])) == CROWDED[name]


async def idle(client: Client, _: str) -> float:
    """Seconds from the first answer to the end of its connection; another request comes late."""
    async with Server(does.answer) as server, client(10) as get:
        await get(server.address)
        await asyncio.sleep(3 * IDLE)
        await get(server.address)
        await asyncio.sleep(SOON)
        return server.when("over") - server.when("request")


@pytest.mark.parametrize("name", ["httpx", "httpx2", "anthropic", "openai"])
def test_an_idle_connection_is_closed_by_the_next_request(name: str) -> None:
    """Of httpcore's pools."""
    assert simulated(partial(idle, CLIENTS[name])) == pytest.approx(3 * IDLE, abs=0.01)


def test_aiohttp_closes_an_idle_connection_by_itself() -> None:
    """Between once and twice its time: it looks that often."""
    assert IDLE <= simulated(partial(idle, CLIENTS["aiohttp"])) <= 2 * IDLE + 0.01


async def retried(client: Client, _: str) -> tuple[str, int, float]:
    """The outcome of one call that is never answered, the requests of it, and the seconds they took."""
    async with Server(does.reset) as server, client(10) as get:
        outcome = await get(server.address)
        return outcome, server.count("request"), server.times[-1] - server.times[0]


@pytest.mark.parametrize("name", RETRYING)
@pytest.mark.parametrize(
    "place", [simulated, pytest.param(real, marks=[pytest.mark.slow, pytest.mark.wire])]
)
def test_the_retries_of_a_library_are_on_the_wire(name: str, place: Any) -> None:
    """Two of them, as its users have them: after up to half a second, then up to a whole one."""
    outcome, requests, seconds = place(partial(retried, partial(RETRYING[name], retries=2)))
    assert (outcome, requests) == ("APIConnectionError", 3)
    assert seconds >= 0.75 * (0.5 + 1.0)
