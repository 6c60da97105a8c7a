"""Subjects that misbehave, and machines: one message for whoever can mend it, nothing left."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from faultlab.lab.attempts import read
from faultlab.lab.errors import LabError, SetupError, SubjectError
from faultlab.lab.history import OpUnknown, load
from faultlab.lab.results import judged

pytestmark = [pytest.mark.wire, pytest.mark.slow]

SOON = 1.0  # seconds in which nothing may be left
LIMIT = 1.5  # seconds of a plan, for a test that reaches it

READS = """scenario: It answers 503
fault:
  - inject: status
    code: 503
  - read: status:503
"""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Every process that a test started is gone when it ends, whatever it was about."""
    before = children()
    yield
    assert children() - before == set()


def children() -> set[int]:
    """The processes that this one has started and that still are."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that ended meanwhile
            found |= set(map(int, (task / "children").read_text().split()))
    return found


@contextmanager
def watched(pid: int) -> Iterator[int]:
    """A descriptor that can be read once this process is gone."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def gone(process: int, within: float = SOON) -> bool:
    """Whether a watched process ends in time."""
    return select.select([process], [], [], within)[0] == [process]


def refuses(port: int) -> bool:
    """Whether nobody listens there any more."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


def the(error: LabError | None, kind: type[LabError]) -> LabError:
    """What was told, of this kind and no other."""
    assert type(error) is kind
    return error


# --- subjects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["hangs", "blocks"])
def test_an_operation_that_hangs_is_unknown(
    ground: Any, hang: str, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the plan's limit its process is killed, also where it blocks its own loop."""
    monkeypatch.delenv("TOLD")
    begun = time.monotonic()
    result = ground.play(subject, hang, limit=LIMIT)
    assert time.monotonic() - begun >= LIMIT
    assert result.error is None
    history = load(result.folder / "armed.jsonl")
    assert [event.op for event in history if isinstance(event, OpUnknown)] == [2]
    endings = {operation.id: operation.ending for operation in read(history).operations}
    assert endings == {1: "ok", 2: "unknown"}  # the third was never begun
    assert judged(result).verdict == "unknown"


@pytest.mark.parametrize(
    ("subject", "limit", "why"),
    [
        ("broken", None, "`read` ended as other (builtins.KeyError)"),
        ("never", LIMIT, "`read` was still running when the run was cut"),
    ],
)
def test_a_client_that_does_not_work_without_a_fault_meets_none(
    ground: Any, subject: str, limit: float | None, why: str
) -> None:
    """It would be called a failure under faults; and a hang would take the limit twice."""
    result = judged(ground.play(subject, READS, limit=limit))
    assert (result.error, result.armed, result.verdict) == (None, None, "unknown")
    assert not (result.folder / "armed.jsonl").exists()
    assert result.judgement is not None
    (finding,) = result.judgement.findings
    assert finding.missing == f"a baseline: without any fault {why}"


def test_a_factory_that_raises_is_told_with_its_line(ground: Any) -> None:
    """Before anything is played: its author reads file, line and text."""
    with pytest.raises(SubjectError) as caught:
        ground.session("raises")
    assert caught.value.text.endswith("orders_lab.py:raises: raised at start: KeyError: 'order'")
    assert re.fullmatch(
        r"orders_lab\.py:\d+: yield .* op\(\"GET /orders/\{id\}\", print, urls\[\"order\"\]\).*",
        caught.value.rows["at"],
    )


def test_a_client_that_calls_another_address_is_told_which(
    ground: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would pass every story; the lab has seen where it went."""
    with serving() as port:
        monkeypatch.setenv("ORDERS_URL", f"http://127.0.0.1:{port}/orders/7")
        result = ground.play("elsewhere", READS)
    error = the(result.error, SubjectError)
    assert error.text.endswith("orders_lab.py:elsewhere: `read` came back ok from elsewhere")
    assert re.fullmatch(
        r'a connect to 127\.0\.0\.1:\d+, which is urls\["orders"\]', error.rows["expected"]
    )
    assert error.rows["seen"] == (
        f"one to 127.0.0.1:{port}; the variable ORDERS_URL holds that address"
    )
    assert error.rows["mend"] == 'build the client from urls["orders"]'
    assert result.armed is None


def test_a_client_that_fails_at_another_address_is_told_which(
    ground: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual way to find out: nobody serves there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setenv("ORDERS_URL", f"http://127.0.0.1:{port}/orders/7")
        result = ground.play("elsewhere", READS)
    error = the(result.error, SubjectError)
    assert error.text.endswith("`read` ended with httpx.ConnectError from elsewhere")
    assert error.rows["seen"].startswith(f"one to 127.0.0.1:{port}; the variable ORDERS_URL ")


def test_a_client_that_calls_nobody_is_told(ground: Any) -> None:
    """A fake that answers by itself has no traffic that could fail."""
    error = the(ground.play("nowhere", READS).error, SubjectError)
    assert error.text.endswith("orders_lab.py:nowhere: `read` came back ok without a connect")
    assert error.rows["seen"] == "no connect at all"


def test_a_subject_that_ends_its_process_is_told(ground: Any) -> None:
    """And its history up to there is kept."""
    result = ground.play("dies", READS)
    error = the(result.error, SubjectError)
    assert error.text.endswith("orders_lab.py:dies: its process ended by itself with code 3")
    operations = read(load(result.folder / "armed.jsonl")).operations
    assert [operation.ending for operation in operations] == ["ok", "unknown"]


def test_a_subject_that_is_killed_is_no_hang(ground: Any, hang: str) -> None:
    """By the machine's memory, say: the run ends at once, and says so."""

    def kill() -> None:
        os.kill(ground.told().pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    result = ground.play("hangs", hang)
    killer.join()
    error = the(result.error, SubjectError)
    assert error.text.endswith("orders_lab.py:hangs: its process was killed by SIGKILL")
    assert result.baseline is not None
    operations = read(load(result.folder / "armed.jsonl")).operations
    assert [operation.ending for operation in operations] == ["ok", "unknown"]


# --- the lab and its machine ---------------------------------------------------------------------


def test_a_killed_lab_process_is_told_and_its_history_kept(ground: Any) -> None:
    """Behind a wait, before an operation; whoever started it learns what is left."""
    story = READS + "  - wait: 300ms\n  - read: status:503\n"
    results = []
    with ground.session("orders") as session:
        said = []

        def kill(progress: Any) -> None:
            said.append(progress.text)
            waited = said.count("fault: waiting 0.3 s") == 1
            if waited and progress.text == "fault: read x 1":
                said.append("fault: waiting 0.3 s")
                os.kill(session.host.pid, signal.SIGKILL)

        plan = ground.plan(session, story)

        def ended(result: Any) -> None:
            results.append((result, read(load(result.folder / "armed.jsonl")).operations))

        session.play([plan, plan], progress=kill, ended=ended, jobs=1)
    (result, operations), (after, _) = results
    assert after.error is None, "it is started anew for the next story"
    error = the(result.error, SetupError)
    assert re.fullmatch(
        r"the lab process \(pid \d+\) ended with code -9; what it had recorded is kept", error.text
    )
    assert [operation.ending for operation in operations] == ["ok", "ok"]


def test_a_stopped_run_ends_also_in_a_wait(ground: Any) -> None:
    """Ctrl-C must not wait for a breaker's thirty seconds."""
    story = READS + "  - wait: 60s\n"
    results = []
    with ground.session("orders") as session:

        def stop(progress: Any) -> None:
            if progress.text.endswith("fault: waiting 60 s"):
                threading.Thread(target=session.stop).start()

        begun = time.monotonic()
        session.play([ground.plan(session, story)], progress=stop, ended=results.append, jobs=1)
    assert time.monotonic() - begun < 10
    assert results == []
    assert len(read(load(ground.out / "story" / "baseline.jsonl")).operations) == 2


def test_a_run_folder_that_cannot_be_made_is_said(ground: Any) -> None:
    """Before anything is started."""
    ground.out.touch()
    with pytest.raises(SetupError, match=r"subject\.log: can't be written: ") as caught:
        ground.session("orders")
    assert caught.value.rows["mend"] == "name another folder: --out DIR"


def test_a_story_s_folder_that_cannot_be_made_is_its_error(ground: Any) -> None:
    """The others are played all the same."""
    results = []
    with ground.session("orders") as session:
        (ground.out / "story").touch()
        plan = ground.plan(session, READS)
        other = plan.model_copy(update={"scenario": "other"})
        session.play([plan, other], ended=results.append, jobs=1)
    broken, fine = results
    assert "story/baseline.log: can't be written: " in the(broken.error, SetupError).text
    assert fine.error is None


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the library's name
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[int]:
    """A server that is none of the lab's; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_subject_that_declares_another_call_than_it_makes_is_told(ground: Any) -> None:
    """Every judgement about the operation would be one about another."""
    result = ground.play(
        "misdeclares", "scenario: x\nfault:\n  - inject: refused\n  - read: connection\n"
    )
    error = the(result.error, SubjectError)
    assert error.rows["expected"] == "GET /orders/{id}"
    assert error.rows["seen"] == "POST /orders on the wire to orders"
