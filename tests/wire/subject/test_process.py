"""A subject in a process of its own: what it records, and what its author is told."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from faultlab.lab.backends.specification import Routed
from faultlab.lab.errors import LabError, SetupError, SubjectError, UsageError
from faultlab.lab.history import (
    AnyEvent,
    AttemptBegun,
    ConnectAttempted,
    OpCancelled,
    OpCancelRequested,
    OpFailed,
    OpInvoked,
    OpOk,
    Sample,
    SubjectClosed,
    SubjectOpened,
)
from faultlab.lab.subjects.child import Child

pytestmark = pytest.mark.wire

LIMIT = 20.0
SOON = 0.3  # seconds: long enough for an operation to begin, also under load

Start = Any  # of conftest.py
Server = Any


def of(events: list[AnyEvent], *kinds: type[AnyEvent]) -> list[AnyEvent]:
    """The events of these kinds."""
    return [event for event in events if isinstance(event, kinds)]


def test_a_run_is_recorded_whole(start: Start, server: Server) -> None:
    """The subject's view of the history: opened, called, connected, tagged, came back, closed."""
    run = start("orders")
    run.open(server.url)
    assert run.child.operate([(1, "read"), (2, "read")], limit=LIMIT) == ()
    run.child.close()
    events = run.events()
    assert [type(event) for event in events if not isinstance(event, AttemptBegun)] == [
        SubjectOpened,
        Sample,
        OpInvoked,
        ConnectAttempted,
        *of_names("AttemptEnded", "OpOk", "OpInvoked", "AttemptEnded", "OpOk"),
        SubjectClosed,
        Sample,
    ]
    assert server.tags == ["1.1", "2.1"]
    connect = of(events, ConnectAttempted)[0]
    assert isinstance(connect, ConnectAttempted)
    assert (connect.op, connect.attempt, connect.port) == (1, 1, server.http.server_port)
    assert connect.local > 0
    assert [event.t for event in events] == sorted(event.t for event in events)
    run.child.kill()
    assert run.log.read_text() == "hello from orders\n"


def test_what_a_subject_leaves_is_recorded_by_name(start: Start, server: Server) -> None:
    """The process is the only one that knows, and it is about to end."""
    run = start("leaves_things")
    run.open(server.url)
    assert run.child.operate([(1, "read"), (2, "drop")], limit=LIMIT) == ()
    run.child.close()
    held, kept = of(run.events(), Sample)
    assert isinstance(held, Sample)
    assert isinstance(kept, Sample)
    assert (held.at, held.left, kept.at) == ("open", (), "close")
    assert kept.counts["thread"] == held.counts["thread"] + 1
    assert [(left.kind, left.name.partition(" at ")[0], left.op) for left in kept.left] == [
        ("task", "wait", None),
        ("thread", "poller", None),
        ("coroutine", "wait", 2),
    ]


def of_names(*names: str) -> list[type]:
    """Event classes by name."""
    kinds = {kind.__name__: kind for kind in AnyEvent.__args__}  # type: ignore[attr-defined]  # a union
    return [kinds[name] for name in names]


def test_a_subject_describes_itself_without_traffic(start: Start) -> None:
    """The conductor plans before anything is started."""
    run = start("orders")
    told = run.child.describe(limit=LIMIT)
    assert told.name == "orders"
    assert isinstance(told.services["orders"], Routed)
    assert [(it.name, it.service, it.endpoint, it.idempotent) for it in told.offers] == [
        ("read", "orders", "GET /x", True),
        ("write", "orders", "POST /x", False),
    ]
    assert not told.tunable
    assert told.contract.errors == {"connection": ("orders_lab.OrdersError",)}
    assert run.events() == []


def test_a_subject_is_found_in_a_module_of_the_current_folder(
    start: Start, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process has no current folder on its path, so that nothing there hides what is ours."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "orders_lab.py").rename(tmp_path / "shop" / "lab.py")
    (tmp_path / "asyncio.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    run = start("shop.lab:orders")
    run.open(server.url)
    assert run.child.operate([(1, "read")], limit=LIMIT) == ()
    assert server.tags == ["1.1"]


@pytest.mark.parametrize("subject", ["sync_yields_async", "async_yields_sync"])
def test_factory_and_operations_may_differ_in_kind(
    start: Start, server: Server, subject: str
) -> None:
    """A client has one kind, its set-up another; operations run side by side in both."""
    run = start(subject)
    run.open(server.url)
    calls = [(1, "read"), (2, "meet"), (3, "meet"), (4, "meet")]
    assert run.child.operate(calls, concurrency=4, limit=LIMIT) == ()
    assert {event.op for event in of(run.events(), OpOk)} == {1, 2, 3, 4}
    assert server.tags == ["1.1"]


def test_a_function_that_returns_an_awaitable_is_awaited(start: Start, server: Server) -> None:
    """A lambda around an async method is no coroutine function."""
    run = start("sync_yields_async")
    run.open(server.url)
    run.child.operate([(7, "by_lambda"), (8, "given")], limit=LIMIT)
    assert [type(event) for event in of(run.events(), OpOk, OpFailed)] == [OpOk, OpOk]
    assert server.tags == ["7.1"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("exit", "builtins.SystemExit"),
        ("interrupt", "builtins.KeyboardInterrupt"),
        ("stop", "builtins.RuntimeError"),
        ("error", "orders_lab.OrdersError"),
    ],
)
def test_whatever_an_operation_raises_is_its_outcome(
    start: Start, server: Server, name: str, error: str
) -> None:
    """A client that calls sys.exit on a refused connect fails its test; the lab goes on."""
    run = start("sync_yields_async")
    run.open(server.url)
    assert run.child.operate([(1, name)], limit=LIMIT) == ()
    assert run.child.operate([(2, "read")], limit=LIMIT) == ()
    failed, ok = of(run.events(), OpFailed, OpOk)
    assert isinstance(failed, OpFailed)
    assert failed.errors[0].classes[0] == error
    assert (failed.op, ok.op) == (1, 2)


@pytest.mark.parametrize("subject", ["sync_yields_async", "async_yields_sync"])
def test_an_operation_that_hangs_is_named(start: Start, server: Server, subject: str) -> None:
    """Also where it blocks its loop: what was recorded comes out, and the process ends."""
    run = start(subject)
    run.open(server.url)
    run.child.operate([(1, "read")], limit=LIMIT)
    assert run.child.operate([(2, "block"), (3, "read")], limit=SOON) == (2, 3)
    assert run.child.wait(limit=SOON) == (2, 3)
    run.begun(1, 2)
    begun = time.monotonic()
    run.child.kill()
    assert time.monotonic() - begun < 5.0
    with pytest.raises(SetupError, match="its process was stopped"):
        run.child.operate([(4, "read")])


def test_the_lab_cancels_an_operation(start: Start, server: Server) -> None:
    """One that takes it has ended by cancellation, one that swallows it has returned.

    One that is over by then has met none.
    """
    run = start("sync_yields_async")
    run.open(server.url)
    calls = [(1, "wait"), (2, "swallow")]
    assert run.child.operate(calls, concurrency=2, cancel_after=SOON, limit=LIMIT) == ()
    assert run.child.operate([(3, "read")], cancel_after=LIMIT, limit=LIMIT) == ()
    ends = of(run.events(), OpCancelRequested, OpCancelled, OpOk, OpFailed)
    assert sorted((event.op, type(event).__name__) for event in ends) == [
        (1, "OpCancelRequested"),
        (1, "OpCancelled"),
        (2, "OpCancelRequested"),
        (2, "OpOk"),
        (3, "OpOk"),
    ]


def test_a_subject_is_opened_anew(start: Start, server: Server) -> None:
    """Its breakers are closed again, and its connections new."""
    run = start("orders")
    for op in (1, 2):
        run.open(server.url)
        run.child.operate([(op, "read")], limit=LIMIT)
        run.child.close()
    assert len(of(run.events(), SubjectOpened, SubjectClosed)) == 4
    assert len(of(run.events(2), ConnectAttempted)) == 0
    assert server.tags == ["1.1", "2.1"]


def told(call: Callable[[], object]) -> LabError:
    """What its author is told."""
    with pytest.raises(LabError) as caught:
        call()
    return caught.value


def test_a_factory_that_raises_is_told_with_its_line(start: Start, server: Server) -> None:
    """It is its author's to mend, and the run has not begun."""
    run = start("raises_at_start")
    error = told(lambda: run.open(server.url))
    assert type(error) is SubjectError
    assert error.text.endswith("orders_lab.py:raises_at_start: raised at start: KeyError: 'order'")
    assert error.rows["at"].endswith(': urls["order"]')
    assert error.rows["log"] == str(run.log)


def test_a_factory_that_hangs_is_told_with_its_line(start: Start, server: Server) -> None:
    """A limit without a place would send its author searching."""
    run = start("hangs_at_start")
    error = told(
        lambda: run.child.open({"orders": server.url}, tune=None, seed=0, start=0.0, limit=SOON)
    )
    assert error.text.endswith("hangs_at_start: did not start within 0.3 s")
    for token in count(1):  # answered by another thread of the process, however busy it is
        if "hanging" in run.log.read_text():
            break
        run.child.flush(token, limit=30)
    error = told(lambda: run.child.close(limit=SOON))
    assert error.rows["at"].endswith(": time.sleep(60)")


def test_a_factory_that_raises_at_the_end_is_told(start: Start, server: Server) -> None:
    """Its connections may still be open."""
    run = start("raises_at_the_end")
    run.open(server.url)
    error = told(run.child.close)
    assert error.text.endswith("raised when it was left: OrdersError: not closed")
    assert len(of(run.events(), SubjectClosed)) == 1


def test_a_factory_that_calls_at_start_is_described_when_open(start: Start, server: Server) -> None:
    """Dead addresses can't serve it; its own can."""
    run = start("calls_at_start")
    assert "raised at start: ConnectError" in told(run.child.describe).text
    run.open(server.url)
    assert [offer.name for offer in run.child.describe().offers] == ["read"]


def test_a_process_that_ends_by_itself_is_told(start: Start, server: Server) -> None:
    """Not as a hang: its author must know that it was theirs."""
    run = start("sync_yields_async")
    run.open(server.url)
    error = told(lambda: run.child.operate([(1, "die")], limit=LIMIT))
    assert type(error) is SubjectError
    assert error.text.endswith("its process ended by itself with code 3")
    assert type(told(run.child.close)) is SubjectError


def test_a_client_that_ignores_its_url_is_told_where_it_went(
    start: Start, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would pass every story."""
    monkeypatch.setenv("ORDERS_URL_OF_THIS_TEST", server.url)
    run = start("goes_elsewhere")
    run.open("http://127.0.0.1:9")
    run.child.operate([(1, "read")], limit=LIMIT)
    run.child.close()
    run.child.kill()
    error = run.child.elsewhere("read", "orders")
    port = server.http.server_port
    assert error.rows["seen"] == (
        f"one to 127.0.0.1:{port}; the variable ORDERS_URL_OF_THIS_TEST holds that address"
    )
    assert server.tags == [None]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("unserved", "services['orders']: "),
        ("unreadable", "its contract can't be read"),
    ],
)
def test_a_wrong_declaration_is_told(start: Start, name: str, text: str) -> None:
    """Before anything is started for it."""
    run = start(name)
    error = told(run.child.describe)
    assert type(error) is SubjectError
    assert text in error.text


def test_a_name_that_its_file_has_not_is_the_command_line_s(start: Start) -> None:
    """The author of the file has nothing to mend."""
    error = told(start("nothing").child.describe)
    assert type(error) is UsageError
    assert "the file defines no nothing" in error.text


def test_an_operation_that_is_not_offered_is_told(start: Start, server: Server) -> None:
    """The plan is made from a description; the open subject may have changed its mind."""
    run = start("orders")
    run.open(server.url)
    error = told(lambda: run.child.operate([(1, "read.other")], limit=LIMIT))
    assert error.text.endswith("it does not offer read.other")


def test_a_name_that_means_nothing_starts_nothing(tmp_path: Path) -> None:
    """The command line's mistake."""
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(UsageError):
        Child("nothing", theirs, log=tmp_path / "log")
    assert not (tmp_path / "log").exists()


PARENT = """
import os, socket, sys, time
from faultlab.lab.subjects.child import Child
ours, theirs = socket.socketpair()
child = Child(sys.argv[1], theirs)
child.open({"orders": "http://127.0.0.1:9"}, tune=None, seed=0, start=0.0)
child.operate([(1, sys.argv[2])], limit=0.2)
print(child.pid, flush=True)
time.sleep(60)
"""


def gone_within(pid: int, limit: float) -> bool:
    """Whether a process that is no child of ours ends in time."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], limit)[0])
    finally:
        os.close(watched)


@pytest.mark.parametrize("doing", ["read", "block"])
def test_the_process_dies_with_its_parent(file: Path, doing: str) -> None:
    """Killed with -9, also while the subject blocks: nothing survives."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, f"{file}:async_yields_sync", doing],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert gone_within(pid, 1.0)
