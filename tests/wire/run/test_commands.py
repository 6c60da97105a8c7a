"""Commands as subjects, played: whose an attempt is, what is counted, what is left of them."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from faultlab.lab.addresses import confines
from faultlab.lab.attempts import Reading, read
from faultlab.lab.errors import SubjectError
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result, judged
from faultlab.lab.run import Session
from faultlab.lab.subjects.given import read_given
from faultlab.scenarios import parse

pytestmark = [pytest.mark.wire, pytest.mark.slow]

# Exit codes as curl has them. At a 503 it may hang, deaf to SIGTERM, once it has told its process.
CLIENT = """
import os, signal, socket, sys, time
def get(url):
    host, port = url.removeprefix("http://").split("/")[0].split(":")
    with socket.create_connection((host, int(port)), 2) as sock:
        sock.sendall(b"GET /orders/7 HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
        return int(sock.makefile("rb").readline().split()[1])
for attempt in range(int(sys.argv[2])):
    try:
        status = get(sys.argv[1])
    except OSError as error:
        code = 28 if isinstance(error, TimeoutError) else 7
        continue
    if status < 400:
        sys.exit(0)
    code = 22
    if len(sys.argv) > 4:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(sys.argv[4], "w") as pipe:
            pipe.write(str(os.getpid()))
        time.sleep(600)
print(sys.argv[3], file=sys.stderr)
sys.exit(code)
"""
CONTRACT = """
attempts: {max: 2}
retry_on: {faults: {connect: always}, statuses: [503]}
errors: {connect: 7, timeout: 28, status: 22}
breaker: none
"""

AT_ONCE = """scenario: Several at once
fault:
  - inject: status
    code: 503
  - read: status:503
    times: 6
    concurrency: 3
"""
REFUSED = """scenario: It is refused
fault:
  - inject: refused
  - read: connection
    times: 2
"""


Play = Callable[..., Result]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Plays a story on the client as a command of so many attempts."""
    client = tmp_path / "client.py"
    client.write_text(CLIENT)
    (tmp_path / "contract.yaml").write_text(CONTRACT)

    def played(
        story: str,
        attempts: int = 2,
        says: str = "failed",
        *more: str,
        front: str = "",
        limit: float | None = None,
    ) -> Result:
        words = [sys.executable, "-I", "-S", str(client), "{orders}/orders/7", str(attempts)]
        words += [says, *more]
        given = read_given(
            ['orders={"GET /orders/{id}": {"id": 7}}'], str(tmp_path / "contract.yaml")
        )
        results: list[Result] = []
        with Session(
            f"cmd:{front}{' '.join(words)}",
            environment="embedded",
            tune=None,
            seed=7,
            out=tmp_path / "run",
            given=given,
        ) as session:
            file = tmp_path / "story.yaml"
            file.write_text(story)
            plan = session.plan(parse(story.encode(), "story.yaml"), {}, {})
            assert isinstance(plan, Plan)
            if limit is not None:
                plan = plan.model_copy(update={"limit": limit})
            session.play([plan], ended=results.append, jobs=1)
        (result,) = results
        return result

    return played


def armed(result: Result) -> Reading:
    """What the armed run shows."""
    assert result.armed is not None
    return read(result.armed)


def during_the_fault(reading: Reading) -> list[tuple[int, str]]:
    """The attempts of each operation, and what it ended by."""
    return [
        (len(one.attempts), one.errors[0].classes[0] if one.errors else one.ending)
        for one in reading.operations
        if one.phase == "fault"
    ]


def test_commands_at_once_are_told_apart(play: Play) -> None:
    """Each has an address of its own, so that nothing has to be guessed."""
    if not confines():
        pytest.skip("sockets can't be confined to the loopback here")
    result = play(AT_ONCE)
    reading = armed(result)
    assert during_the_fault(reading) == [(2, "exit 22")] * 6
    assert reading.strays == ()
    assert judged(result).verdict == "pass"


def test_refused_connects_of_a_command_are_counted_or_unknown(play: Play) -> None:
    """They reach no proxy, and no audit event tells of them."""
    reading = armed(play(REFUSED))
    if reading.lacks("connects") is None:
        assert during_the_fault(reading) == [(2, "exit 7")] * 2
        assert [fault.fired for fault in reading.faults] == [4]
    else:
        assert during_the_fault(reading) == [(0, "exit 7")] * 2


def test_one_attempt_too_many_is_seen(play: Play) -> None:
    """What passes must be able to fail."""
    verdict = judged(play(AT_ONCE, 3)).verdict
    assert verdict == ("fail" if confines() else "unknown")


def test_its_last_words_are_in_the_history_and_its_secrets_in_no_file(
    play: Play, tmp_path: Path
) -> None:
    """Whatever it prints; and that it prints one is found."""
    result = play(AT_ONCE, 2, "token=hunter2")
    failed = [one for one in armed(result).operations if one.errors]
    assert {one.errors[0].message for one in failed} == {"token=[redacted]"}
    judgement = judged(result).judgement
    assert judgement is not None
    assert "C62" in {finding.check for finding in judgement.findings if finding.outcome == "fail"}
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert [path for path in files if b"hunter2" in path.read_bytes()] == []


def test_a_command_that_never_ends_is_ended_with_the_plan(play: Play, tmp_path: Path) -> None:
    """What it would have done is unknown; nothing of it is left, though it ignores SIGTERM."""
    pipe = tmp_path / "told"
    os.mkfifo(pipe)
    gone: list[bool] = []

    def watch() -> None:
        descriptor = os.pidfd_open(int(pipe.read_text()))
        gone.append(bool(select.select([descriptor], [], [], 30.0)[0]))
        os.close(descriptor)

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = play(
        AT_ONCE.replace("times: 6\n    concurrency: 3", "times: 1"), 1, "x", str(pipe), limit=3.0
    )
    watcher.join()
    assert gone == [True]
    (operation,) = [one for one in armed(result).operations if one.phase == "fault"]
    assert operation.ending == "unknown"


def test_a_request_that_is_not_the_one_in_front_is_told(play: Play) -> None:
    """With what to write instead."""
    error = play(AT_ONCE, front="GET /else ").error
    assert isinstance(error, SubjectError)
    assert error.rows["mend"].startswith("write its request in front: 'cmd:GET /orders/7 ...'")
