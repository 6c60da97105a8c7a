"""What a failed test shows: the number, the wire, the line, and where the whole record is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from faultlab.lab.history import FaultFired

if TYPE_CHECKING:
    from .conftest import Stranger

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.wire


def test_a_failed_count_explains_itself_and_shows_the_wire(stranger: Stranger) -> None:
    """The number, what was counted, the wire in lanes, and where the whole record is."""
    stranger.writes(
        test_orders="""
        import httpx
        import pytest

        def test_down(lab):
            lab.serve("orders", {"GET /orders/{id}": {"id": 7}})
            with httpx.Client(base_url=lab.url("orders")) as client:
                client.get("/orders/7")
                with lab.down("orders") as down:
                    for _ in range(2):
                        with pytest.raises(httpx.ConnectError):
                            client.get("/orders/7")
            assert down.attempts == 3
        """
    )
    result = stranger.run_here("--faultlab-seed", "7")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r">       assert down\.attempts == 3$",
            r"E       assert 2 attempts on orders != 3$",
            r"E         while refused was in force, the first attempt included; wire below$",
            r"test_orders\.py:12: AssertionError$",
            r"-+ faultlab -+$",
            r"  t \(s\)  wire to orders +backend$",
            r"  \d\.\d{3}  > GET /orders/7 +attempt 1, new connection$",
            r"  \d\.\d{3}  +GET /orders/7$",
            r"  \d\.\d{3}  < 200, \d+ bytes$",
            r"  \d\.\d{3}  -- refused in force on orders; 1 live connection closed by FIN --$",
            r"  \d\.\d{3}  connect refused +attempt 1$",
            r"  \d\.\d{3}  connect refused +attempt 2 +\+\d\.\d{3}$",
            r"  \d\.\d{3}  -- refused cleared; it fired on 2 connects --$",
            r"  seed 7; history: \.faultlab/failed/test_orders\.py--test_down\.jsonl$",
            r"FAILED test_orders\.py::test_down - assert 2 attempts on orders != 3$",
        ],
    )
    assert (stranger.path / ".faultlab/.gitignore").read_text() == "*\n"
    history = stranger.kept("test_orders.py--test_down")
    assert history.header.scenario == "test_orders.py::test_down"
    assert (history.header.seed, history.cut) == (7, False)
    assert any(isinstance(event, FaultFired) for event in history)
    assert stranger.folders() == []


def test_an_unfired_fault_fails_where_it_should_have_acted(stranger: Stranger) -> None:
    """At its block's line, or at the test's end; and never instead of the test's own error."""
    stranger.writes(
        test_orders="""
        import httpx
        import pytest

        def test_block(lab):
            lab.url("core")
            with lab.down("core"):
                httpx.get(lab.url("penelope") + "/health")

        def test_without_block(lab):
            lab.down("core")

        def test_own_error(lab):
            with lab.down("core"):
                raise KeyError("mine")

        def test_own_error_without_block(lab):
            lab.down("core")
            raise KeyError("mine")

        def test_meant(lab):
            with lab.down("core", unfired="ok"):
                pass

        def test_skipped(lab):
            lab.down("core")
            pytest.skip("not today")
        """
    )
    result = stranger.run_here("-p", "no:randomly")
    result.assert_outcomes(passed=2, failed=3, errors=1, skipped=1)
    result.stdout.re_match_lines(
        [
            r"_+ ERROR at teardown of test_without_block _+$",
            r"`refused` on core \(test_orders\.py:10\) was in force \d\.\d{3} s and never fired$",
            r"_+ test_block _+$",
            r">       with lab\.down\(\"core\"\):$",
            r"E       AssertionError: `refused` on core \(test_orders\.py:6\) was in force .* fired$",
            r"E         meanwhile  0 connects to core, 1 request to penelope$",
            r"E         mend       arm it where the client calls; if no call is meant, say so:$",
            r"E                    lab\.down\(\"core\", unfired=\"ok\"\)$",
            r"test_orders\.py:6: AssertionError$",
            r"_+ test_own_error _+$",
            r"E           KeyError: 'mine'$",
            r"_+ test_own_error_without_block _+$",
            r"E       KeyError: 'mine'$",
        ]
    )
    assert result.stdout.str().count("never fired\n") == 2  # told of the two, and once of each
    failed = sorted(path.name for path in (stranger.path / ".faultlab/failed").iterdir())
    names = ("block", "own_error", "own_error_without_block", "without_block")
    assert failed == [f"test_orders.py--test_{name}.jsonl" for name in names]


def test_a_wrong_argument_is_shown_at_the_line_that_wrote_it(stranger: Stranger) -> None:
    """No frame of the lab's, and no library's that its author has never heard of."""
    told = {
        'lab.down("cor")': "UsageError: 'cor' is not served in this test",
        'lab.down("core", live="rest")': "FaultError: lab.down: live='rest'",
        'lab.slow("core", "500ms")': "FaultError: lab.slow: delay='500ms'",
        'lab.serve("orders", 7)': "UsageError: lab.serve('orders', ...): 7 serves nothing;",
        "lab.client(nope=1)": "TypeError: MaximusClient.__init__() got an unexpected keyword",
    }
    tests = [f"def test_{number}(lab):\n    {call}\n" for number, call in enumerate(told)]
    stranger.writes(test_orders="\n".join(tests))
    shown = stranger.run_here("-p", "no:randomly").stdout.str()
    report = shown[shown.index("= FAILURES =") : shown.index("short test summary")]
    assert re.findall(r"^>       (.*)", report, re.MULTILINE) == list(told)
    errors = re.findall(r"^E       (?:faultlab\.lab\.errors\.)?(\w+: .*)", report, re.MULTILINE)
    assert [error.startswith(text) for error, text in zip(errors, told.values(), strict=True)] == [
        True
    ] * len(told)
    places = re.findall(r"^(\S+\.py):\d+: ", report, re.MULTILINE)
    assert places == ["test_orders.py"] * len(told)


def test_a_lost_lab_process_is_one_error_and_the_next_test_gets_a_new_one(
    stranger: Stranger,
) -> None:
    """One bad test must not take the session with it; the test that did not notice fails too."""
    stranger.writes(
        """
        import os
        import signal
        from pathlib import Path
        import httpx

        def kill_the_lab():
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
            for pid in map(int, children.split()):
                os.kill(pid, signal.SIGKILL)

        def test_told(lab):
            httpx.get(lab.url("core") + "/health")
            kill_the_lab()
            lab.down("core")

        def test_new(lab):
            assert httpx.get(lab.url("core") + "/health").status_code == 200
            assert lab.attempts("core") == 1

        def test_unnoticed(lab):
            kill_the_lab()

        def test_new_again(lab):
            assert httpx.get(lab.url("core") + "/health").status_code == 200
        """
    )
    result = stranger.run("-p", "no:randomly")
    result.assert_outcomes(passed=3, failed=1, errors=1)
    lost = r"the lab process \(pid \d+\) ended with code -9; what it had recorded is kept"
    result.stdout.re_match_lines(
        [
            r"_+ ERROR at teardown of test_unnoticed _+$",
            lost,
            r"_+ test_told _+$",
            rf"E       faultlab\.lab\.errors\.SetupError: {lost}$",
            r"  \d\.\d{3}  > GET /health .*$",
            rf"  {lost}$",
        ]
    )
    name = "test_a_lost_lab_process_is_one_error_and_the_next_test_gets_a_new_one.py--test_told"
    assert len(stranger.kept(name)) > 5
    assert stranger.folders() == []
    assert stranger.lab_processes() == []


def test_a_blocked_call_returns_after_the_limit_and_the_report_says_so(
    stranger: Stranger,
) -> None:
    """A test that hangs for ever tells nothing."""
    stranger.writes(
        """
        import httpx
        from faultlab import Stall

        def test_hangs(lab):
            lab.inject(Stall(service="core"))
            httpx.get(lab.url("core") + "/health", timeout=None)
        """
    )
    result = stranger.run_here("--faultlab-limit", "0.5")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"E +httpx\.(ReadError|ConnectError|RemoteProtocolError).*$",
            r"-+ faultlab -+$",
            r"  the test's limit of 0\.5 s passed: the lab reset its connections and refused$",
        ]
    )


def test_in_a_folder_that_cannot_be_written_the_report_is_still_whole(
    stranger: Stranger,
) -> None:
    """A history that can't be kept is said, and breaks nothing."""
    stranger.path.joinpath(".faultlab").write_text("a file")
    stranger.writes("def test_fails(lab): assert lab.attempts() == 1")
    result = stranger.run_here()
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [r"E +assert 0 attempts != 1$", r"  seed 0; its history could not be kept: .*$"]
    )
