import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.frames import LIMIT, Batch, FrameError, Frames, Mark, frame, pack
from faultlab.lab.history import ConnectAttempted, OpOk

CONTENTS = (
    Batch((OpOk(t=0.5, op=1, type="int"), ConnectAttempted(t=0.25, port=80, local=90))),
    Mark(7),
    Batch(()),
)


@given(st.lists(st.integers(1, 40)))
def test_frames_do_not_depend_on_how_the_stream_is_cut(sizes: list[int]) -> None:
    """A socket gives what it has, never one frame at a time."""
    stream = b"".join(frame(content) for content in CONTENTS)
    frames = Frames()
    got = []
    for size in [*sizes, len(stream)]:
        got += frames.feed(stream[:size])
        stream = stream[size:]
    assert tuple(got) == CONTENTS
    assert frames.pending == 0


def test_a_cut_frame_is_seen_as_pending() -> None:
    """A sender killed in the middle of a frame must not look like a quiet one."""
    frames = Frames()
    assert list(frames.feed(frame(Mark(1))[:-1])) == []
    assert frames.pending == len(frame(Mark(1))) - 1


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", pack(b"nonsense")])
def test_a_stream_out_of_step_is_refused(data: bytes) -> None:
    """Reading on would invent events."""
    with pytest.raises(FrameError):
        list(Frames().feed(data))


def test_no_frame_above_the_limit_is_made() -> None:
    """The receiver would refuse it, and everything after it."""
    with pytest.raises(FrameError, match="at most"):
        pack(bytes(LIMIT + 1))
