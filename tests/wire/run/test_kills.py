"""The conductor is killed, interrupted, or not alone: nothing of it stays but its histories."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from faultlab.lab.attempts import canonical, read
from faultlab.lab.history import FaultArmed, load

pytestmark = [pytest.mark.wire, pytest.mark.slow]

SOON = 1.0  # seconds in which nothing may be left
INTERRUPTED = 2.0  # seconds in which Ctrl-C has ended it
READS = """scenario: It answers 503 twice
fault:
  - inject: status
    code: 503
  - read: status:503
    times: 2
"""

OWN_PROCESSES = """scenario: It answers 503, and its backend stands still
fault:
  - inject: FAULT
  - inject: status
    code: 503
  - read: status:503
    times: 2
"""

Start = Callable[..., "subprocess.Popen[str]"]
Watch = Callable[[int], int]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Descriptors of processes, each to be read once its process is gone."""
    with ExitStack() as stack:

        def opened(pid: int) -> int:
            descriptor = os.pidfd_open(pid)
            stack.callback(os.close, descriptor)
            return descriptor

        yield opened


def children(pid: int) -> set[int]:
    """The processes that this one has started and that still are."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that ended meanwhile
            found |= set(map(int, (task / "children").read_text().split()))
    return found


def all_gone(processes: list[int], within: float) -> bool:
    """Whether every watched process ends in time."""
    until = time.monotonic() + within
    return all(
        select.select([one], [], [], max(0.0, until - time.monotonic()))[0] for one in processes
    )


def refuses(port: int) -> bool:
    """Whether nobody listens there any more."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


def histories(folder: Path) -> dict[str, list[str]]:
    """What can be read of a story: how the operations of each run had ended."""
    return {
        path.stem: [operation.ending for operation in read(load(path)).operations]
        for path in folder.glob("*.jsonl")
    }


def await_record(folder: Path) -> None:
    """Wait until the operation that hangs is in the history: what wasn't recorded can't be kept."""
    until = time.monotonic() + 10.0
    while histories(folder) != CUT:
        assert time.monotonic() < until, histories(folder)
        time.sleep(0.01)


CUT = {"baseline": ["ok", "ok", "ok", "ok"], "armed": ["ok", "unknown"]}


@pytest.mark.parametrize("subject", ["hangs", "blocks"])
def test_a_kill_of_the_conductor_is_one_of_all(
    ground: Any, started: Start, watch: Watch, subject: str
) -> None:
    """Lab process and subject are gone within a second, and what was recorded can be read."""
    temporary = ground.folder / "tmp"
    temporary.mkdir()
    process = started(subject, "hangs.yaml", ground.out, TMPDIR=str(temporary))
    told = ground.told()
    assert not refuses(told.port)
    theirs = children(process.pid)
    assert told.pid in theirs
    assert len(theirs) == 2  # the lab process, and the subject's
    watched = [watch(pid) for pid in theirs]
    await_record(ground.out / "hangs")
    process.kill()
    assert all_gone(watched, SOON)
    assert refuses(told.port)
    assert histories(ground.out / "hangs") == CUT
    assert list(temporary.iterdir()) == []


def test_ctrl_c_closes_everything_and_keeps_the_histories(
    ground: Any, started: Start, watch: Watch
) -> None:
    """Within two seconds, while the subject hangs."""
    process = started("hangs", "hangs.yaml", ground.out)
    told = ground.told()
    watched = [watch(pid) for pid in children(process.pid)]
    await_record(ground.out / "hangs")
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert time.monotonic() - begun < INTERRUPTED
    assert process.returncode == 130
    assert all_gone(watched, 0.0)
    assert refuses(told.port)
    assert histories(ground.out / "hangs") == CUT


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_stubs_in_processes_of_their_own_go_with_the_lab(
    ground: Any, started: Start, watch: Watch, by: int
) -> None:
    """A frozen one can't end by itself."""
    (ground.folder / "own.yaml").write_text(OWN_PROCESSES.replace("FAULT", "frozen"))
    process = started("hangs", "own.yaml", ground.out)
    told = ground.told()
    (lab,) = children(process.pid) - {told.pid}
    (stub,) = children(lab)
    watched = [watch(pid) for pid in (told.pid, lab, stub)]
    process.send_signal(by)
    process.communicate(timeout=10)
    assert all_gone(watched, SOON)
    assert refuses(told.port)


def test_two_conductors_at_once_do_not_meet(ground: Any, started: Start) -> None:
    """Each has its lab process, its listeners and its history, and sees its own traffic alone."""
    (ground.folder / "reads.yaml").write_text(READS)
    outs = [ground.folder / "one", ground.folder / "other"]
    both = [started("orders", "reads.yaml", out) for out in outs]
    for process in both:
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 0, said
    armed = [load(out / "reads" / "armed.jsonl") for out in outs]
    one, other = (canonical(read(history)) for history in armed)
    assert one == other
    for history in armed:
        assert [len(operation.attempts) for operation in read(history).operations] == [1] * 4
        assert sum(isinstance(event, FaultArmed) for event in history) == 1
