"""Errors of a command: what is said, and with which code it ends."""

from __future__ import annotations

import pytest

from faultlab.lab.cli.guarded import guarded
from faultlab.lab.errors import SetupError, SubjectError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SetupError("no port is left"), "SetupError: no port is left (exit 3)\n"),
        (
            SubjectError("orders: it raised", at="orders.py:7"),
            "SubjectError: orders: it raised\n  at         orders.py:7 (exit 3)\n",
        ),
    ],
)
def test_what_is_no_verdict_is_exit_3(
    error: Exception, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each error is addressed to whoever can mend it; none is a failure of the client."""

    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        guarded(command)()
    assert ended.value.code == 3
    assert capsys.readouterr().err == told


def test_ctrl_c_before_anything_is_played_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback, and the code that shells know."""

    def command() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        guarded(command)()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted; everything is closed (exit 130)\n"
