"""A subject in a loop: one task enters and leaves it, its operations run in what it made."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from faultlab.lab.errors import SubjectError
from faultlab.lab.subjects.declaration import Op, Subject, op, subject
from faultlab.lab.subjects.load import read_spec
from faultlab.lab.subjects.opened import Opened
from faultlab.lab.subjects.recording import Watch

SERVICES = {"orders": {"GET /orders/{id}": {"id": 7}}}
made_in = contextvars.ContextVar("made_in", default="nowhere")


async def call(_: int, offer: Op) -> object:
    """As an async client is called."""
    value: Any = offer.call()
    return await value


async def nothing() -> None:
    """An operation."""


def opened(of: Subject) -> Opened:
    """It, not entered yet."""
    return Opened(read_spec("orders_lab:orders"), of, Watch(), call)


def offering(**calls: Callable[[], Awaitable[object]]) -> Subject:
    """A subject with these operations."""

    @subject(services=SERVICES, contract="httpx")
    async def orders(urls: dict[str, str]) -> AsyncIterator[dict[str, Op]]:
        made_in.set(urls["orders"])
        yield {name: op("GET /orders/{id}", one) for name, one in calls.items()}

    return orders


async def entered(of: Subject) -> Opened:
    """It, entered."""
    made = opened(of)
    await made.enter({"orders": "http://orders"}, None, 7)
    return made


@pytest.mark.asyncio
async def test_operations_run_so_many_at_once_in_the_context_of_the_factory() -> None:
    """A client may keep what it needs in context variables."""
    seen: list[str] = []
    running, most = 0, 0

    async def read() -> None:
        nonlocal running, most
        seen.append(made_in.get())
        made_in.set("an operation")
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    held = await entered(offering(read=read))
    ended: list[int] = []
    ops = [(number, "read") for number in range(1, 6)]
    await held.operate(ops, concurrency=2, cancel_after=None, ended=ended.append)
    await held.leave()
    assert (sorted(ended), most) == ([1, 2, 3, 4, 5], 2)
    assert set(seen) == {"http://orders"}
    assert made_in.get() == "nowhere"


@pytest.mark.asyncio
async def test_what_still_runs_is_cancelled_when_it_was_asked_for() -> None:
    """And whatever an operation raises is its own affair."""
    told: list[str] = []

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    async def fails() -> None:
        raise SystemExit("not ours")

    held = await entered(offering(hangs=hangs, fails=fails))
    ops = [(1, "hangs"), (2, "fails")]
    await held.operate(ops, concurrency=1, cancel_after=0.0, ended=lambda op: told.append(str(op)))
    await held.leave()
    assert told == ["cancelled", "1", "2"]


@pytest.mark.asyncio
async def test_what_is_not_offered_is_refused_by_name() -> None:
    """Before any of them begins."""
    held = await entered(offering(other=nothing))
    with pytest.raises(SubjectError, match="it does not offer read, write"):
        await held.operate(
            [(1, "write"), (2, "read")], concurrency=1, cancel_after=None, ended=print
        )
    await held.leave()


@subject(services=SERVICES, contract="httpx")
def breaks_at_start(urls: dict[str, str]) -> Iterator[dict[str, Op]]:
    """It does not come to its operations."""
    raise KeyError(urls["orders"])
    yield {}


@subject(services=SERVICES, contract="httpx")
def breaks_at_the_end(urls: dict[str, str]) -> Iterator[dict[str, Op]]:
    """It can't be left in order."""
    yield {"read": op("GET /orders/{id}", nothing)}
    raise KeyError(urls["orders"])


@pytest.mark.asyncio
async def test_what_a_factory_raises_is_told_of_it() -> None:
    """When it is entered, and when it is left."""
    with pytest.raises(SubjectError, match="raised at start: KeyError"):
        await entered(breaks_at_start)
    held = await entered(breaks_at_the_end)
    with pytest.raises(SubjectError, match="raised when it was left: KeyError"):
        await held.leave()
