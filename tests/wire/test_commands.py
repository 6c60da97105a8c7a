"""Commands as operations: what is started, what they leave, and what is left of them."""

from __future__ import annotations

import asyncio
import os
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from faultlab.lab.errors import SetupError, SubjectError
from faultlab.lab.subjects.command_line import CommandFailed, CommandLine, Output
from faultlab.lab.subjects.spawning import Spawning

pytestmark = pytest.mark.wire

T = TypeVar("T")

LIMIT = 20.0
PYTHON = shlex.quote(sys.executable)


def not_lost() -> None:
    """The process that starts commands stays."""
    raise AssertionError


@asynccontextmanager
async def spawning(lost: Callable[[], None] = not_lost) -> AsyncIterator[Spawning]:
    """Commands can be run; what still runs is ended."""
    started = Spawning(lost)
    await started.start()
    try:
        yield started
    finally:
        started.close()


def played(play: Coroutine[Any, Any, T]) -> T:
    """What it gives, in time."""

    async def timed() -> T:
        async with asyncio.timeout(LIMIT):
            return await play

    return asyncio.run(timed())


def run(text: str) -> Output:
    """A command, alone."""

    async def play() -> Output:
        async with spawning() as commands:
            return await commands.run(1, CommandLine.parse(text))

    return played(play())


def failed(text: str) -> CommandFailed:
    """How a command failed, alone."""
    with pytest.raises(CommandFailed) as caught:
        run(text)
    return caught.value


class Pipe:
    """A named pipe between a command and its test. Open at both ends, so that nothing blocks."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.end = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def __str__(self) -> str:
        return str(self.path)

    async def pid(self) -> int:
        """The id that a process writes."""
        loop = asyncio.get_running_loop()
        came = loop.create_future()
        loop.add_reader(self.end, lambda: came.done() or came.set_result(os.read(self.end, 100)))
        try:
            return int(await came)
        finally:
            loop.remove_reader(self.end)

    def go(self) -> None:
        """Let a process go on that reads a line."""
        os.write(self.end, b"go\n")


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    """By which a process tells its id."""
    pipe = Pipe(tmp_path / "pipe")
    yield pipe
    os.close(pipe.end)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Pipe]:
    """By which a process is let go on."""
    gate = Pipe(tmp_path / "gate")
    yield gate
    os.close(gate.end)


async def gone(pid: int) -> bool:
    """Wait until a process is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(await asyncio.to_thread(select.select, [descriptor], [], [], LIMIT))
    finally:
        os.close(descriptor)


def test_a_command_that_ends_well_has_a_value() -> None:
    """Equal outputs have equal digests."""
    first = run("printf hello")
    assert first == Output(5, "2cf24dba5fb0")
    assert run("printf hello") == first
    assert run("printf hallo") != first


def test_a_command_that_fails_tells_its_code_and_its_last_words() -> None:
    """Of standard error; of standard output where that is silent."""
    error = failed("sh -c 'echo out; echo cannot connect >&2; exit 7'")
    assert (error.how, str(error)) == ("exit 7", "cannot connect")
    error = failed("sh -c 'echo no route; exit 1'")
    assert (error.how, str(error)) == ("exit 1", "no route")


def test_a_command_that_dies_by_a_signal_says_which() -> None:
    """It has no exit code."""
    assert failed("sh -c 'kill -SEGV $$'").how == "signal SIGSEGV"


def test_its_input_is_closed() -> None:
    """One that asks a question must not wait for the answer."""
    assert run("cat").size == 0


def test_a_secret_in_its_words_is_in_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    """The history's message is redacted where all are."""
    failed("sh -c 'echo token=hunter2 >&2; exit 1'")
    assert capsys.readouterr().out == "[operation 1] sh: exit 1\ntoken=[redacted]\n"


def test_a_flood_is_read_and_not_kept() -> None:
    """Nothing of it waits in a pipe, and its end is known."""
    flood = "import sys; [sys.stdout.write('x' * 65536) for _ in range(160)]; sys.exit(3)"
    error = failed(f"{PYTHON} -c {shlex.quote(flood)}")
    assert (error.how, str(error)) == ("exit 3", "")


def test_what_can_not_be_started_is_told() -> None:
    """A program may go between the look for it and its start."""
    with pytest.raises(SubjectError, match="no/such/program: No such file"):
        run("/no/such/program")


def test_commands_run_side_by_side(tmp_path: Path) -> None:
    """The ends of a pipe: neither opens before the other."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    async def play() -> tuple[Output, Output]:
        async with spawning() as commands:
            return await asyncio.gather(
                commands.run(1, CommandLine(("cat", str(pipe)))),
                commands.run(2, CommandLine(("sh", "-c", f"echo hello >{pipe}"))),
            )

    assert [output.size for output in played(play())] == [6, 0]


@pytest.mark.parametrize("left", ["sh", "setsid sh"])
def test_what_a_command_leaves_running_is_killed(pipe: Pipe, gate: Pipe, left: str) -> None:
    """It could call in the name of a later operation. Not even a session of its own saves it."""

    async def play() -> bool:
        async with spawning() as commands:
            text = f"{left} -c 'echo $$ >{pipe}; exec sleep 600' & read x <{gate}"
            run = asyncio.create_task(commands.run(1, CommandLine(("sh", "-c", text))))
            pid = await pipe.pid()
            gate.go()
            await run
            return await gone(pid)

    assert played(play())


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
def test_a_cancelled_command_is_ended(pipe: Pipe, trap: str) -> None:
    """By SIGTERM, and one that ignores that by SIGKILL."""

    async def play() -> int:
        async with spawning() as commands:
            text = f"{trap}echo $$ >{pipe}; while :; do sleep 600; done"
            run = asyncio.create_task(commands.run(1, CommandLine(("sh", "-c", text))))
            pid = await pipe.pid()
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            return pid

    with pytest.raises(ProcessLookupError):
        os.kill(played(play()), 0)


def test_the_loss_of_who_starts_them_is_no_failure_of_a_command(pipe: Pipe) -> None:
    """Its killer has the machine to mend, not the client."""
    lost: list[bool] = []

    async def play() -> bool:
        async with spawning(lambda: lost.append(True)) as commands:
            text = f"echo $PPID >{pipe}; exec sleep 600"
            run = asyncio.create_task(commands.run(1, CommandLine(("sh", "-c", text))))
            os.kill(await pipe.pid(), signal.SIGKILL)
            with pytest.raises(SetupError):
                await run
            return lost == [True]

    assert played(play())


OWNER = """
import asyncio, sys
from faultlab.lab.subjects.command_line import CommandLine
from faultlab.lab.subjects.spawning import Spawning
async def main():
    commands = Spawning(lambda: None)
    await commands.start()
    await commands.run(1, CommandLine(("sh", "-c", sys.argv[1])))
asyncio.run(main())
"""


@pytest.mark.parametrize("left", ["", "setsid "])
def test_a_killed_subject_leaves_no_command(pipe: Pipe, left: str) -> None:
    """Nor what that has started, whatever it ignores."""
    text = f"trap '' TERM; {left}sh -c 'trap \"\" TERM; echo $$ >{pipe}; sleep 600; :' & wait; :"
    with subprocess.Popen([sys.executable, "-c", OWNER, text]) as owner:
        pid = played(pipe.pid())
        owner.send_signal(signal.SIGKILL)
        assert played(gone(pid))
