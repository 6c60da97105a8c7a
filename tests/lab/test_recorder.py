"""The recorder numbers, stamps and appends; what it took is in the file before the turn ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faultlab.lab.history import ConnOpened, Header, OpOk, load
from faultlab.lab.recorder import Recorder


class Turn:
    """The loop's end of turn, by hand."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def __call__(self, call: Callable[[], None]) -> None:
        """Put a call off to the end of the turn."""
        self.calls.append(call)

    def end(self) -> None:
        """Run what was put off."""
        calls, self.calls = self.calls, []
        for call in calls:
            call()


def made(path: Path, turn: Turn, delays: list[float]) -> Recorder:
    """A recorder whose run delay is read from a list."""
    return Recorder(
        path.open("wb", buffering=0),
        str(path),
        Header(),
        start=0.0,
        soon=turn,
        delay=lambda: delays.pop(0),
    )


def test_events_are_numbered_in_order_of_arrival(tmp_path: Path) -> None:
    """Whatever their time says: the numbers are the file's order."""
    recorder = made(tmp_path / "h.jsonl", Turn(), [0.0, 0.0, 0.0])
    recorder.take(OpOk(t=2.0, op=1))
    recorder.record(ConnOpened(t=1.0, conn=1))
    recorder.close()
    assert [(event.index, event.t) for event in load(tmp_path / "h.jsonl")] == [(1, 2.0), (2, 1.0)]


def test_one_turn_of_the_loop_is_one_write(tmp_path: Path) -> None:
    """A kill loses the present turn at most, and a busy turn costs one system call."""
    turn = Turn()
    recorder = made(tmp_path / "h.jsonl", turn, [0.0, 0.0, 0.0])
    recorder.record(ConnOpened(t=1.0, conn=1))
    recorder.record(ConnOpened(t=2.0, conn=2))
    assert (len(load(tmp_path / "h.jsonl")), len(turn.calls)) == (0, 1)
    turn.end()
    assert len(load(tmp_path / "h.jsonl")) == 2
    recorder.close()


def test_an_event_carries_the_phase_in_which_it_arrived(tmp_path: Path) -> None:
    """Phases are the conductor's; sources do not know them."""
    recorder = made(tmp_path / "h.jsonl", Turn(), [0.0] * 5)
    recorder.record(ConnOpened(t=0.5, conn=1))
    recorder.enter("fault", 1.0)
    recorder.take(OpOk(t=1.5, op=1))
    recorder.close()
    assert [event.phase for event in load(tmp_path / "h.jsonl")] == ["", "fault", "fault"]


def test_the_loop_s_run_delay_is_read_once_for_events_close_together(tmp_path: Path) -> None:
    """Reading costs as much as recording; what is missed is smaller than the span."""
    recorder = made(tmp_path / "h.jsonl", Turn(), [0.0, 0.25, 0.5])
    for t in (1.0, 1.0001, 1.1):
        recorder.record(ConnOpened(t=t, conn=1))
    recorder.close()
    assert [event.late for event in load(tmp_path / "h.jsonl")] == [0.25, 0.25, 0.5]


def test_what_comes_after_the_end_is_dropped(tmp_path: Path) -> None:
    """A socket that closes late must not reopen a finished history."""
    recorder = made(tmp_path / "h.jsonl", Turn(), [0.0, 0.0])
    recorder.close()
    recorder.record(ConnOpened(t=1.0, conn=1))
    assert len(load(tmp_path / "h.jsonl")) == 0


def test_a_full_disk_is_said_and_ends_the_file() -> None:
    """What comes after is lost, so nobody may go on as if it were recorded."""
    full = Path("/dev/full")
    recorder = made(full, Turn(), [0.0])
    assert recorder.broken == "/dev/full: can't be written: No space left on device"
    recorder.take(OpOk(t=1.0, op=1))
    recorder.close()
