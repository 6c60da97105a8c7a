"""The plugin in pytest sessions of a stranger's: what works, what is shown, what is left behind."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from faultlab.lab import pytest_plugin
from faultlab.lab.history import FaultFired, History, load
from faultlab.lab.testing import Count

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.wire

STRICT = (
    *("-W", "error", "-p", "no:cacheprovider"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)

SNIPPETS = """
import threading

import httpx
import pytest
from maximus import MaximusConnectionError

@pytest.mark.asyncio
async def test_core_down(lab):
    async with lab.client() as client:                 # maximus, tune fast
        with lab.down("core"):
            with pytest.raises(MaximusConnectionError):
                await client.health()
        assert lab.attempts("core") == 3

def test_my_own_client(lab):
    with httpx.Client(base_url=lab.url("core")) as client:
        with lab.down("core"), pytest.raises(httpx.ConnectError):
            client.get("/health")
        assert lab.attempts("core") == 1

def test_no_thread_is_left():
    assert [one.name for one in threading.enumerate() if "faultlab" in one.name] == []
"""


@pytest.fixture(autouse=True)
def _off_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under CI pytest prints whole messages where it cuts them elsewhere; here texts are counted."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def temporary(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the inner session makes its temporary folders."""
    folder = pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def lab_processes(folder: Path) -> list[str]:
    """The lab processes that run in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"faultlab.lab.host" in (process / "cmdline").read_bytes():
                found.append(str((process / "cwd").readlink()))
        except OSError:
            continue  # it has ended meanwhile, or is another user's
    return [cwd for cwd in found if cwd == str(folder)]


def nothing_left(pytester: pytest.Pytester, temporary: Path) -> bool:
    """Neither a folder nor a process."""
    assert list(temporary.glob("faultlab-*")) == []
    assert not (pytester.path / ".faultlab").exists()
    assert lab_processes(pytester.path) == []
    return True


# --- it works, and leaves nothing behind ---------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("-p", "no:randomly", "-p", "no:xdist", "--asyncio-mode=strict"),
        ("-p", "randomly", "--asyncio-mode=auto"),
        ("-n", "2"),
    ],
    ids=["strict", "auto", "xdist"],
)
def test_the_two_examples_work_in_a_stranger_s_repository(
    pytester: pytest.Pytester, temporary: Path, options: tuple[str, ...]
) -> None:
    """As written in the README, with warnings as errors; and nothing is left of them."""
    pytester.makepyfile(SNIPPETS)
    result = pytester.runpytest_subprocess(*STRICT, *options)
    result.assert_outcomes(passed=3)
    assert nothing_left(pytester, temporary)


def test_a_session_without_the_lab_pays_nothing(pytester: pytest.Pytester) -> None:
    """The plugin is loaded in every session of an environment where faultlab is installed."""
    pytester.makeconftest(
        """
        import sys

        def pytest_unconfigure(config):
            heavy = {"pydantic", "httpx", "msgspec", "docker", "maximus"}
            print("loaded:", "faultlab.lab.pytest_plugin" in sys.modules)
            print("heavy:", sorted(heavy & sys.modules.keys()))
        """
    )
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_subprocess(*STRICT)
    result.stdout.fnmatch_lines(["loaded: True", "heavy: []"])
    assert not (pytester.path / ".faultlab").exists()


def test_late_traffic_of_a_test_counts_for_no_other(pytester: pytest.Pytester) -> None:
    """A thread that outlives its test finds nobody; the next test's count stays its own."""
    pytester.makepyfile(
        """
        import threading
        import httpx

        second = threading.Event()
        ended = []

        def late(url):
            second.wait(30)
            try:
                ended.append(httpx.get(url + "/health"))
            except httpx.HTTPError as error:
                ended.append(type(error))

        def test_first(lab):
            global thread
            thread = threading.Thread(target=late, args=(lab.url("core"),))
            thread.start()

        def test_second(lab):
            lab.url("core")
            second.set()
            thread.join(30)
            assert ended == [httpx.ConnectError]
            assert lab.attempts() == 0
        """
    )
    result = pytester.runpytest_subprocess(*STRICT, "-p", "no:randomly")
    result.assert_outcomes(passed=2)


# --- what a failure shows ------------------------------------------------------------------------


def kept(pytester: pytest.Pytester, name: str) -> History:
    """The history that a failed test left."""
    return load(pytester.path / ".faultlab/failed" / f"{name}.jsonl")


def test_a_failed_count_explains_itself_and_shows_the_wire(
    pytester: pytest.Pytester, temporary: Path
) -> None:
    """The number, what was counted, the wire in lanes, and where the whole record is."""
    pytester.makepyfile(
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
    result = pytester.runpytest_subprocess(*STRICT, "--faultlab-seed", "7")
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
    assert (pytester.path / ".faultlab/.gitignore").read_text() == "*\n"
    history = kept(pytester, "test_orders.py--test_down")
    assert history.header.scenario == "test_orders.py::test_down"
    assert (history.header.seed, history.cut) == (7, False)
    assert any(isinstance(event, FaultFired) for event in history)
    assert list(temporary.glob("faultlab-*")) == []


def test_an_unfired_fault_fails_where_it_should_have_acted(pytester: pytest.Pytester) -> None:
    """At its block's line, or at the test's end; and never instead of the test's own error."""
    pytester.makepyfile(
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
    result = pytester.runpytest_subprocess(*STRICT, "-p", "no:randomly")
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
    failed = sorted(path.name for path in (pytester.path / ".faultlab/failed").iterdir())
    names = ("block", "own_error", "own_error_without_block", "without_block")
    assert failed == [f"test_orders.py--test_{name}.jsonl" for name in names]


def test_a_wrong_argument_is_shown_at_the_line_that_wrote_it(pytester: pytest.Pytester) -> None:
    """No frame of the lab's, and no library's that its author has never heard of."""
    told = {
        'lab.down("cor")': "UsageError: 'cor' is not served in this test",
        'lab.down("core", live="rest")': "FaultError: lab.down: live='rest'",
        'lab.slow("core", "500ms")': "FaultError: lab.slow: delay='500ms'",
        'lab.serve("orders", 7)': "UsageError: lab.serve('orders', ...): 7 serves nothing;",
        "lab.client(nope=1)": "TypeError: MaximusClient.__init__() got an unexpected keyword",
    }
    tests = [f"def test_{number}(lab):\n    {call}\n" for number, call in enumerate(told)]
    pytester.makepyfile(test_orders="\n".join(tests))
    shown = pytester.runpytest_subprocess(*STRICT, "-p", "no:randomly").stdout.str()
    report = shown[shown.index("= FAILURES =") : shown.index("short test summary")]
    assert re.findall(r"^>       (.*)", report, re.MULTILINE) == list(told)
    errors = re.findall(r"^E       (?:faultlab\.lab\.errors\.)?(\w+: .*)", report, re.MULTILINE)
    assert [error.startswith(text) for error, text in zip(errors, told.values(), strict=True)] == [
        True
    ] * len(told)
    places = re.findall(r"^(\S+\.py):\d+: ", report, re.MULTILINE)
    assert places == ["test_orders.py"] * len(told)


def test_a_lost_lab_process_is_one_error_and_the_next_test_gets_a_new_one(
    pytester: pytest.Pytester, temporary: Path
) -> None:
    """One bad test must not take the session with it; the test that did not notice fails too."""
    pytester.makepyfile(
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
    result = pytester.runpytest_subprocess(*STRICT, "-p", "no:randomly")
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
    assert len(kept(pytester, name)) > 5
    assert list(temporary.glob("faultlab-*")) == []
    assert lab_processes(pytester.path) == []


def test_a_blocked_call_returns_after_the_limit_and_the_report_says_so(
    pytester: pytest.Pytester,
) -> None:
    """A test that hangs for ever tells nothing."""
    pytester.makepyfile(
        """
        import httpx
        from faultlab import Stall

        def test_hangs(lab):
            lab.inject(Stall(service="core"))
            httpx.get(lab.url("core") + "/health", timeout=None)
        """
    )
    result = pytester.runpytest_subprocess(*STRICT, "--faultlab-limit", "0.5")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"E +httpx\.(ReadError|ConnectError|RemoteProtocolError).*$",
            r"-+ faultlab -+$",
            r"  the test's limit of 0\.5 s passed: the lab reset its connections and refused$",
        ]
    )


def test_a_limit_that_is_none_is_refused(pytester: pytest.Pytester) -> None:
    """Bad input gets one clear message."""
    result = pytester.runpytest_subprocess("--faultlab-limit", "0")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*argument --faultlab-limit: invalid * value: '0'"])


def test_in_a_folder_that_cannot_be_written_the_report_is_still_whole(
    pytester: pytest.Pytester,
) -> None:
    """A history that can't be kept is said, and breaks nothing."""
    pytester.path.joinpath(".faultlab").write_text("a file")
    pytester.makepyfile("def test_fails(lab): assert lab.attempts() == 1")
    result = pytester.runpytest_subprocess(*STRICT)
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [r"E +assert 0 attempts != 1$", r"  seed 0; its history could not be kept: .*$"]
    )


# --- bad days ------------------------------------------------------------------------------------

WAITING = """
import os
import socket
import threading
from pathlib import Path

def test_waits(lab):
    lab.down("core")
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    told = f"{os.getpid()} {children}"
    with socket.create_connection(("127.0.0.1", int(os.environ["READY"]))) as outer:
        outer.sendall(told.encode())
    threading.Event().wait()
"""


@dataclass
class Session:
    """A pytest session that waits inside a test."""

    process: subprocess.Popen[bytes]
    watched: list[int]  # pidfds of the test's process and the lab's

    def gone(self, seconds: float) -> bool:
        """Whether both have ended within so long."""
        return all(select.select([fd], [], [], seconds)[0] for fd in self.watched)


@pytest.fixture
def waiting(
    pytester: pytest.Pytester,
    temporary: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Session]:
    """A session that has told that its test waits."""
    pytester.makepyfile(WAITING)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        monkeypatch.setenv("READY", str(server.getsockname()[1]))
        options = getattr(request, "param", ("-p", "no:xdist"))
        command = [sys.executable, "-m", "pytest", *STRICT, *options]
        process = pytester.popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        watched: list[int] = []
        try:
            peer, _ = server.accept()
            with peer:
                told = b"".join(iter(lambda: peer.recv(4096), b""))
            watched += [os.pidfd_open(pid) for pid in map(int, told.split())]
            assert len(watched) == 2
            yield Session(process, watched)
        finally:
            process.kill()
            process.communicate()
            for fd in watched:
                os.close(fd)


def test_ctrl_c_ends_the_lab_with_the_session(
    waiting: Session, pytester: pytest.Pytester, temporary: Path
) -> None:
    """Everything is closed in order; a fault that had no time to fire is no second error."""
    waiting.process.send_signal(signal.SIGINT)
    output, _ = waiting.process.communicate(timeout=30)
    assert waiting.process.returncode == pytest.ExitCode.INTERRUPTED
    assert waiting.gone(0)
    assert b"KeyboardInterrupt" in output
    assert b"never fired" not in output
    assert b"Traceback" not in output
    assert nothing_left(pytester, temporary)


def test_a_killed_session_takes_the_lab_with_it(waiting: Session) -> None:
    """Nobody is left to stop it, so it stops itself."""
    waiting.process.kill()
    assert waiting.gone(1.0)


@pytest.mark.parametrize("waiting", [("-n", "1")], indirect=True)
def test_a_killed_xdist_controller_takes_worker_and_lab_with_it(waiting: Session) -> None:
    """The worker would wait for ever in its test, and keep the lab alive."""
    assert waiting.process.pid not in waiting.watched
    waiting.process.kill()
    assert waiting.gone(1.0)


# --- parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "left", "right", "line"),
    [
        ("==", Count(4, what="attempts", why="why"), 3, "4 attempts != 3"),
        ("==", 3, Count(4, what="attempts", why="why"), "4 attempts != 3"),
        ("<", 5, Count(4, what="attempts", why="why"), "4 attempts <= 5"),
        ("<=", 5, Count(4, what="attempts", why="why"), "4 attempts < 5"),
        ("not in", Count(4, what="attempts", why="why"), (4,), "4 attempts in (4,)"),
    ],
)
def test_a_count_explains_itself_on_either_side(
    sign: str, left: object, right: object, line: str
) -> None:
    """Some write the expected number first."""
    assert pytest_plugin.pytest_assertrepr_compare(sign, left, right) == [line, "why"]


@pytest.mark.parametrize(("sign", "left", "right"), [("==", 1, 2), ("in", 1, (2,))])
def test_other_comparisons_are_left_to_others(sign: str, left: object, right: object) -> None:
    """The plugin speaks of its own values only."""
    assert pytest_plugin.pytest_assertrepr_compare(sign, left, right) is None


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("test_a.py::test_b", r"test_a\.py--test_b"),
        ("tests/test_a.py::TestC::test_b", r"tests--test_a\.py--TestC--test_b"),
        ("test_a.py::test_b[core]", r"test_a\.py--test_b--core"),
        ("test_a.py::test_b[a b]", r"test_a\.py--test_b--a--b--[0-9a-f]{8}"),
        ("test_a.py::test_b[" + "x" * 300 + "]", r"test_a\.py--test_b--x{130,}--[0-9a-f]{8}"),
    ],
)
def test_a_kept_history_is_named_after_its_test(nodeid: str, name: str) -> None:
    """Readable, a legal file name, and one of its own."""
    assert re.fullmatch(name + r"\.jsonl", pytest_plugin._file_name(nodeid))


def test_tests_with_like_parameters_do_not_share_a_file() -> None:
    """One would overwrite the other's evidence."""
    ids = [f"test_a.py::test_b[{value}]" for value in ("a b", "a*b", "a?b")]
    assert len({pytest_plugin._file_name(one) for one in ids}) == 3
