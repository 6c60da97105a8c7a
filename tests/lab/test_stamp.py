from faultlab.lab.stamp import Stamp, parse, run_delay


def test_a_stamp_counts_from_the_start() -> None:
    """Every event of a run stands on one time axis, whichever process stamped it."""
    stamp = Stamp(100.0, clock=lambda: 102.5, delay=lambda: 0.25)
    assert stamp() == (2.5, 0.25)


def test_the_run_delay_is_the_second_number_in_nanoseconds() -> None:
    """The first is time on the processor: taken for the delay, it would excuse any lateness."""
    assert parse(b"48129000 1500000 17\n") == 0.0015


def test_an_unreadable_line_is_no_delay() -> None:
    """A system that does not tell gives no tolerance, and must not break the subject."""
    assert [parse(text) for text in (b"", b"12", b"12 x 3")] == [0.0, 0.0, 0.0]


def test_the_run_delay_never_falls() -> None:
    """It is a running sum: an interval's part is a difference of two readings."""
    first = run_delay()
    assert 0.0 <= first <= run_delay()
