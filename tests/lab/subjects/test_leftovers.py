"""What a process holds, by name: looked at in a loop of the test's own."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import warnings
from collections.abc import Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from faultlab.lab.history import Left
from faultlab.lab.subjects.attribution import Current, current
from faultlab.lab.subjects.leftovers import OURS, Held, Leftovers, held_now, settled, unawaited


def in_loop(scene: Coroutine[Any, Any, tuple[Left, ...]]) -> tuple[Left, ...]:
    """What a scene finds."""
    return asyncio.run(scene)


async def poll() -> None:
    """A task's work."""
    await asyncio.sleep(60)


async def rest() -> None:
    """Another task's work."""


def test_a_task_is_named_by_its_coroutine_and_the_line_where_it_stands() -> None:
    """Task-17 is no name to look for."""

    async def scene() -> tuple[Left, ...]:
        before = held_now()
        tasks = [asyncio.create_task(poll()) for _ in range(2)]
        await asyncio.sleep(0)
        ours = asyncio.create_task(poll())
        left = held_now([ours]).beyond(before)
        assert len(tasks) == 2
        return left

    (left,) = in_loop(scene())
    line = poll.__code__.co_firstlineno + 2
    assert left == Left(kind="task", name=f"poll at test_leftovers.py:{line}", count=2)


@pytest.mark.parametrize(("name", "told"), [("poller", 1), (f"{OURS}events", 0)])
def test_a_thread_is_named_unless_it_is_the_lab_s(name: str, told: int) -> None:
    """The lab's own live in the same process."""
    over = threading.Event()

    async def scene() -> tuple[Left, ...]:
        before = held_now()
        threading.Thread(target=over.wait, name=name).start()
        return held_now().beyond(before)

    try:
        assert in_loop(scene()) == (Left(kind="thread", name="poller"),) * told
    finally:
        over.set()


def test_a_timer_is_named_by_what_it_will_call() -> None:
    """One that only wakes a task is told by the task."""

    async def scene() -> tuple[Left, ...]:
        loop = asyncio.get_running_loop()
        known = loop.call_later(60, print)
        before = held_now()
        loop.call_later(60, poll)
        loop.call_later(60, print).cancel()
        sleeping = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        left = held_now([sleeping]).beyond(before)
        known.cancel()
        return left

    assert in_loop(scene()) == (Left(kind="timer", name="poll"),)


def test_descriptors_are_named_by_what_they_are(tmp_path: Path) -> None:
    """A number says nothing to anybody."""

    async def scene() -> tuple[Left, ...]:
        before = held_now()
        ends = os.pipe()
        with (tmp_path / "log").open("w"):
            left = held_now().beyond(before)
        for end in ends:
            os.close(end)
        assert held_now().beyond(before) == ()
        return left

    assert in_loop(scene()) == (
        Left(kind="descriptor", name=f"file {tmp_path / 'log'}"),
        Left(kind="descriptor", name="pipe", count=2),
    )


def test_a_spare_descriptor_of_the_loop_is_nothing_that_a_client_left() -> None:
    """uvloop opens /dev/null when it first connects, and keeps it."""
    before, now = held_with(), held_with("/dev/null")
    assert now.beyond(before) == ()


def test_a_descriptor_that_was_given_again_is_new() -> None:
    """The kernel gives the lowest free number."""
    before = Held(frozenset(), frozenset(), (), {7: "pipe:[1]", 8: "pipe:[2]"})
    now = Held(frozenset(), frozenset(), (), {7: "pipe:[3]", 8: "pipe:[2]"})
    assert now.beyond(before) == (Left(kind="descriptor", name="pipe"),)


def test_what_the_system_does_not_tell_is_not_counted() -> None:
    """Zero would be a claim."""
    blind = Held(frozenset(), frozenset(), None, None)
    assert blind.counts == {"task": 0, "thread": 0}
    assert blind.beyond(blind) == ()


def test_names_without_end_are_cut_off() -> None:
    """A history is read by people."""
    before = Held(frozenset(), frozenset(), (), {})
    now = Held(frozenset(), frozenset(), (), {n: f"/x/{n}" for n in range(100)})
    assert len(now.beyond(before)) == 20


@pytest.mark.wire
def test_a_connection_to_a_service_is_the_proxy_s_to_see(tmp_path: Path) -> None:
    """It sees who closes it, and when; an end that the other side has left it does not."""

    async def scene() -> tuple[Left, ...]:
        with closing(socket.create_server(("127.0.0.1", 0))) as server:
            port = server.getsockname()[1]
            before = held_now()
            with socket.create_connection(("127.0.0.1", port)) as ours:
                theirs, _ = server.accept()
                known = held_now().beyond(before, [port])
                assert known == (
                    Left(kind="descriptor", name=f"socket to 127.0.0.1:{ours.getsockname()[1]}"),
                )
                theirs.close()
                assert ours.recv(1) == b""
                return held_now().beyond(before, [port])

    (left,) = in_loop(scene())
    assert left.name.startswith("socket to 127.0.0.1:")
    assert left.name.endswith(", half closed")


def held_with(*targets: str) -> Held:
    """A process with these descriptors."""
    return Held(frozenset(), frozenset(), (), dict(enumerate(targets)))


class Looks:
    """A process that holds one thing less at each look."""

    def __init__(self, *looks: Held) -> None:
        self.looks: Iterator[Held] = iter(looks)
        self.pauses: list[float] = []

    def __call__(self) -> Held:
        """The next look."""
        return next(self.looks)

    async def pause(self, seconds: float) -> None:
        """No time passes."""
        self.pauses.append(seconds)


NOTHING = held_with()


def test_what_is_ending_is_waited_for() -> None:
    """A closed connection needs a turn of the loop, a thread some milliseconds."""
    looks = Looks(*[held_with("pipe:[1]")] * 7, NOTHING)
    now, left = asyncio.run(settled(looks, NOTHING, pause=looks.pause))
    assert (now, left) == (NOTHING, ())
    assert looks.pauses == [0.0] * 5 + [0.01] * 2


def test_what_never_ends_is_left_after_the_limit() -> None:
    """Nobody waits for it longer."""
    looks = Looks(*[held_with("pipe:[1]")] * 9)
    now, left = asyncio.run(settled(looks, NOTHING, limit=0.03, pause=looks.pause))
    assert (now, left) == (held_with("pipe:[1]"), (Left(kind="descriptor", name="pipe"),))
    assert looks.pauses == [0.0] * 5 + [0.01] * 3


def test_where_nothing_is_left_nobody_waits() -> None:
    """Each close of each client would pay for it."""
    looks = Looks(NOTHING)
    asyncio.run(settled(looks, NOTHING, pause=looks.pause))
    assert looks.pauses == []


def test_a_coroutine_that_is_thrown_away_is_told_with_its_operation() -> None:
    """Nothing is left of it to be found later."""
    told: list[Left] = []
    token = current.set(Current(7))
    try:
        with warnings.catch_warnings(record=True) as warned, unawaited(told.append):
            warnings.simplefilter("always")
            poll()
    finally:
        current.reset(token)
    assert told == [Left(kind="coroutine", name="poll", op=7)]
    assert [str(one.message) for one in warned] == ["coroutine 'poll' was never awaited"]


def test_what_one_subject_left_is_not_the_next_one_s() -> None:
    """A process may open a subject twice."""
    apart: set[asyncio.Task[None]] = set()
    leftovers = Leftovers(apart)

    async def scene() -> tuple[Left, ...]:
        leftovers.begin()
        apart.add(asyncio.create_task(poll()))
        with warnings.catch_warnings(), leftovers.watching():
            warnings.simplefilter("ignore")
            poll(), rest(), poll()
        _, left = await leftovers.behind([])
        leftovers.begin()
        _, none = await leftovers.behind([])
        assert none == ()
        return left

    assert in_loop(scene()) == (
        Left(kind="coroutine", name="poll", count=2),
        Left(kind="coroutine", name="rest"),
    )


def test_after_it_nothing_is_told() -> None:
    """The interpreter has its own function back."""
    told: list[Left] = []
    with unawaited(told.append):
        pass
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        poll()
    assert told == []
