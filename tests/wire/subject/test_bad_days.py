"""A subject that misbehaves in its process: an outcome or one clear message, and nothing left."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faultlab.lab.errors import LabError, SubjectError
from faultlab.lab.history import AnyEvent, OpFailed, OpOk, SubjectClosed, SubjectOpened

pytestmark = pytest.mark.wire

LIMIT = 20.0

Run = Any  # of conftest.py
Start = Any
Server = Any

BAD = """
import asyncio, contextvars, os, sys, threading, time
from orders_lab import SERVICES, OrdersError, async_client, leave, sync_client
from faultlab import op, subject

class Odd(BaseException):
    def __str__(self):
        raise ValueError("no text")

def fork_away():
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)

async def fork_on():
    os.fork()

def flood():
    for _ in range(200):
        print("x" * 20_000)
    print("the end")

def tell():
    print("Authorization: Bearer abcdef123456")
    raise OrdersError("api_key=SECRET123")

async def stop_the_loop():
    asyncio.get_running_loop().stop()
    await asyncio.sleep(60)

async def cancel_all():
    for task in asyncio.all_tasks():
        task.cancel()

async def interrupt_in_a_task():
    async def interrupted():
        raise KeyboardInterrupt
    await asyncio.gather(asyncio.create_task(interrupted()))

def leave_threads():
    for _ in range(20):
        threading.Thread(target=time.sleep, args=(60,)).start()

async def leave_tasks():
    for _ in range(20):
        LEFT.append(asyncio.create_task(asyncio.sleep(60)))

LEFT = []

def hold_the_interpreter():
    sys.set_int_max_str_digits(0)
    int("9" * 250_000)  # one call in C, which gives nobody a turn

def patch_time():
    time.monotonic = time.time = lambda: 0.0

def change_the_context():
    for variable in contextvars.copy_context():
        variable.set(None)

@subject(services=SERVICES)
def bad(urls):
    http = sync_client(urls)
    def then(spoil):
        def read():
            spoil()
            http.get("/x")
        return op("GET /x", read)
    yield {
        "read": op("GET /x", http.get, "/x"),
        "odd": op("GET /x", leave, Odd),
        "generator_exit": op("GET /x", leave, GeneratorExit),
        "cancelled": op("GET /x", leave, asyncio.CancelledError),
        "fork_away": then(fork_away),
        "fork_on": op("GET /x", fork_on),
        "flood": then(flood),
        "tell": op("GET /x", tell),
        "stop_the_loop": op("GET /x", stop_the_loop),
        "cancel_all": op("GET /x", cancel_all),
        "interrupt_in_a_task": op("GET /x", interrupt_in_a_task),
        "leave_threads": then(leave_threads),
        "leave_tasks": op("GET /x", leave_tasks),
        "hold_the_interpreter": then(hold_the_interpreter),
        "patch_time": then(patch_time),
        "change_the_context": then(change_the_context),
    }
"""

ON_UVLOOP = """
import uvloop
from orders_lab import SERVICES, async_client
from faultlab import op, subject

uvloop.install()

@subject(services=SERVICES)
async def on_uvloop(urls):
    async with async_client(urls) as http:
        yield {"read": op("GET /x", http.get, "/x")}
"""


def of(events: list[AnyEvent], *kinds: type[AnyEvent]) -> list[AnyEvent]:
    """The events of these kinds."""
    return [event for event in events if isinstance(event, kinds)]


@pytest.fixture
def bad(start: Start, server: Server, file: Path) -> Run:
    """The subject, open; another file of its author's holds it."""
    (file.parent / "bad_lab.py").write_text(BAD)
    run = start(f"{file.parent / 'bad_lab.py'}:bad")
    run.open(server.url)
    return run


def told(call: Callable[[], object]) -> LabError:
    """What its author is told."""
    with pytest.raises(LabError) as caught:
        call()
    return caught.value


def test_what_is_no_exception_is_an_outcome_too(bad: Run) -> None:
    """Also one that can't say what it is."""
    calls = [(1, "odd"), (2, "generator_exit"), (3, "cancelled"), (4, "read")]
    assert bad.child.operate(calls, limit=LIMIT) == ()
    *failed, ok = of(bad.events(), OpFailed, OpOk)
    assert [one.errors[0].classes[0] for one in failed if isinstance(one, OpFailed)] == [
        "bad_lab.Odd",
        "builtins.GeneratorExit",
        "asyncio.exceptions.CancelledError",
    ]
    assert (type(ok), ok.op) == (OpOk, 4)


BESIDE = (
    *("leave_threads", "leave_tasks", "hold_the_interpreter", "change_the_context", "fork_on"),
    *("flood", "patch_time"),
)


def test_what_a_client_does_beside_its_work_ends_no_run(bad: Run, server: Server) -> None:
    """The next operation is recorded like any other, the subject is left, and its process ends."""
    calls = list(enumerate((*BESIDE, "read"), 1))
    assert bad.child.operate(calls, limit=LIMIT) == ()
    bad.child.close()
    events = bad.events()
    assert [event.op for event in of(events, OpOk)] == [op for op, _ in calls]
    assert [type(event) for event in of(events, SubjectClosed)] == [SubjectClosed]
    times = [event.t for event in events]
    assert times == sorted(times)  # of the clock that there is, whatever the author made of it
    assert server.tags[-1] == f"{len(calls)}.1"
    bad.child.kill()
    assert left(bad) == []


def left(run: Run) -> list[str]:
    """The processes that are left of all that it started."""
    mark = f"FAULTLAB_SUBJECT={run.child._mark}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
    return found


@pytest.mark.parametrize("killed", [True, False])
def test_a_fork_that_left_its_session_is_ended_with_its_subject(bad: Run, killed: bool) -> None:
    """It holds the lab's sockets, too; and may be all that is left."""
    assert bad.child.operate([(1, "fork_away")], limit=LIMIT) == ()
    assert len(left(bad)) == 2
    if killed:
        os.kill(bad.child.pid, signal.SIGKILL)
        error = told(lambda: bad.child.operate([(2, "read")], limit=LIMIT))
        assert error.text.endswith("its process was killed by SIGKILL")
    bad.child.kill()
    assert left(bad) == []


def test_the_log_keeps_no_secrets_and_of_a_flood_its_ends(bad: Run) -> None:
    """The run folder may be uploaded, and the disk is not filled."""
    bad.child.operate([(1, "tell"), (2, "flood")], limit=LIMIT)
    (failed,) = of(bad.events(), OpFailed)
    bad.child.kill()
    text = bad.log.read_text()
    assert text.startswith("Authorization: [redacted]\nxxx")
    assert "bytes are left out here" in text
    assert text.endswith("x\nthe end\n")
    assert len(text) < 500_000
    assert isinstance(failed, OpFailed)
    assert failed.errors[0].message == "api_key=[redacted]"


@pytest.mark.parametrize(
    "name",
    [
        "stop_the_loop",
        pytest.param("cancel_all", marks=pytest.mark.slow),
        pytest.param("interrupt_in_a_task", marks=pytest.mark.slow),
    ],
)
def test_a_client_that_ends_its_loop_is_told(bad: Run, name: str) -> None:
    """The lab's own tasks run on it."""
    error = told(lambda: bad.child.operate([(1, name)], limit=LIMIT))
    assert type(error) is SubjectError
    assert error.text.endswith("bad: what it ran ended the event loop that it runs on")
    assert error.rows["mend"] == "a client stops its own tasks and loops only"
    assert error.rows["log"] == str(bad.log)


def test_a_subject_may_bring_its_own_loop(start: Start, server: Server, file: Path) -> None:
    """uvloop hides connects: that is said, and nothing else changes."""
    (file.parent / "fast_lab.py").write_text(ON_UVLOOP)
    run = start(f"{file.parent / 'fast_lab.py'}:on_uvloop")
    run.open(server.url)
    assert run.child.operate([(1, "read")], limit=LIMIT) == ()
    run.child.close()
    (opened,) = of(run.events(), SubjectOpened)
    assert isinstance(opened, SubjectOpened)
    assert opened.connects.startswith("none: uvloop")
    assert server.tags == ["1.1"]
