"""SIGTERM ends a command as Ctrl-C does."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from faultlab.lab.interrupts import Terminated, said, terminable


def test_sigterm_is_raised_in_order_and_only_meanwhile() -> None:
    """What runs can close what it has opened; afterwards the signal is what it was."""
    with pytest.raises(Terminated), terminable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("theirs", [signal.SIG_IGN, lambda *_: None], ids=["ignored", "handled"])
def test_a_signal_that_is_somebody_elses_is_left_alone(theirs: signal.Handlers) -> None:
    """Whoever started the command may have had it ignore the signal."""
    before = signal.signal(signal.SIGTERM, theirs)
    try:
        with terminable():
            signal.raise_signal(signal.SIGTERM)
            assert signal.getsignal(signal.SIGTERM) is theirs
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_changes_no_signal() -> None:
    """Only the main thread may, and a command may be called from any."""

    def inside() -> object:
        with terminable():
            return signal.getsignal(signal.SIGTERM)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(inside).result() is signal.SIG_DFL


def test_each_interrupt_has_its_word_and_its_code() -> None:
    """128 and the signal's number, as shells have it."""
    assert said(KeyboardInterrupt()) == ("interrupted", 130)
    assert said(Terminated()) == ("terminated", 143)
