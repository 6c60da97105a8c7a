"""The subject of a play in a simulation: on the loop of its services, driven from outside.

Counterparts: `subjects/child.py` drives one in a process of its own; `subjects/opened.py` is what both
drive.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from ..environments.simulated import Escaped, Hang, SimulatedLoop
from ..errors import SetupError, SubjectError
from ..subjects import elsewhere
from ..subjects.command_line import CommandLine
from ..subjects.declaration import Op, Subject
from ..subjects.leftovers import Held, Leftovers
from ..subjects.listeners import Listeners
from ..subjects.load import Spec
from ..subjects.opened import Opened
from ..subjects.recording import Watch
from ..tune import Tune
from .environment import Direct, Simulation

__all__ = ["VirtualClient"]

T = TypeVar("T")

_LIMIT = 20.0  # virtual seconds


class VirtualClient:
    """A subject that is driven (`Client` of lab/play.py). Its events go into `simulation`'s history."""

    def __init__(
        self, loop: SimulatedLoop, spec: Spec, subject: Subject, simulation: Simulation
    ) -> None:
        self._loop = loop
        self._spec = spec
        self._subject = subject
        self._simulation = simulation
        self._watch = Watch()
        self._opened: Opened | None = None
        self._urls: dict[str, str] = {}
        self._own: set[asyncio.Task[Any]] = set()  # tasks that are the lab's
        self._leftovers = Leftovers(self._own)

    def open(
        self,
        urls: Mapping[str, str],
        *,
        tune: Tune | None,
        seed: int,
        start: float,  # noqa: ARG002 - the simulation's own
        connects: str = "",  # noqa: ARG002 - its network tells of all
        limit: float = _LIMIT,
    ) -> None:
        """Enter its factory. Raises SubjectError, and SetupError where it can't be simulated."""
        self._urls = dict(urls)
        direct = Direct(self._simulation)
        self._watch.start(Listeners(urls), direct, self._simulation.stamp)
        began = self._watch.now()
        opening = Opened(self._spec, self._subject, self._watch, self._call)

        async def enter() -> Held:
            before = self._leftovers.begin()
            await opening.enter(urls, tune, seed)
            return before

        before = self._within(enter(), limit, "start")
        self._opened = opening
        self._watch.opened(began)
        self._watch.holds(began, before)

    def operate(
        self,
        calls: Sequence[tuple[int, str]],
        *,
        concurrency: int = 1,
        cancel_after: float | None = None,
        limit: float = _LIMIT,
    ) -> tuple[int, ...]:
        """Run operations, as ids and names; the ids of those that have not come back in time."""
        if self._opened is None:
            raise SetupError(f"{self._spec} is not open")
        unended = dict.fromkeys(op for op, _ in calls)
        operating = self._loop.create_task(
            self._opened.operate(
                calls, concurrency=concurrency, cancel_after=cancel_after, ended=unended.pop
            )
        )
        self._own.add(operating)

        async def in_time() -> None:
            await asyncio.wait({operating}, timeout=limit)
            if operating.done():
                operating.result()

        self._run(in_time())
        return tuple(unended)

    def flush(self, token: int) -> None:
        """Nothing waits to be sent."""

    def close(self, *, limit: float = _LIMIT) -> None:
        """Leave its factory. It may be opened again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            try:
                self._within(opened.leave(), limit, "close")
            finally:
                self._watch.closed()
                self._watch.kept(*self._run(self._leftovers.behind(self._watch.ports)))
                self._watch.stop()

    def kill(self) -> None:
        """Let go of it; its tasks end with the loop."""
        self._opened = None
        self._watch.stop()

    def was_elsewhere(self, op: int) -> bool:
        """Whether it connected elsewhere during this operation."""
        return any(address.op == op for address in self._watch.elsewhere())

    def elsewhere(
        self, operation: str, service: str, *, ended: str = "came back ok"
    ) -> SubjectError:
        """What to tell the author of a subject that does not call us."""
        return elsewhere.went_elsewhere(
            str(self._spec),
            operation=operation,
            ended=ended,
            service=service,
            url=self._urls[service],
            seen=self._watch.elsewhere(),
            environment=os.environ,
        )

    async def _call(self, _op: int, offer: Op) -> object:
        if isinstance(offer.call, CommandLine):
            raise self._loop.run.refuse(f"a command: {offer.call}")
        if not offer.is_async:
            raise self._loop.run.refuse(f"a function that is not async: {offer.endpoint}")
        value = offer.call()
        return await value if inspect.isawaitable(value) else value

    def _within(self, doing: Coroutine[Any, Any, T], limit: float, what: str) -> T:
        async def in_time() -> T:
            async with asyncio.timeout(limit):
                return await doing

        try:
            return self._run(in_time())
        except TimeoutError:
            raise SubjectError(f"{self._spec}: it did not {what} within {limit:g} s") from None

    def _run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Drive the loop until it is done. Raises SetupError for a subject that leaves the simulation."""
        task = self._loop.create_task(doing)
        self._own.add(task)
        try:
            result = self._loop.run_until_complete(task)
        except Escaped as escaped:
            raise self._can_not(escaped) from escaped
        except Hang as hang:
            raise SubjectError(f"{self._spec}: {hang}") from hang
        if self._loop.run.escapes:  # the client may have swallowed it
            raise self._can_not(self._loop.run.escapes[0])
        return result

    def _can_not(self, escaped: Escaped) -> SetupError:
        return SetupError(
            f"{self._spec} blocks for real, so simulated can't run it",
            call=str(escaped),
            mend="--env embedded, or the client's async face",
        )
