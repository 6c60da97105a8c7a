"""The subject of a play in a simulation: on the loop of its services, driven from outside.

Counterparts: `subjects/child.py` drives one in a process of its own; `subjects/opened.py` is what both
drive.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Collection, Coroutine, Mapping, Sequence
from contextlib import closing
from typing import Any, TypeVar

from ..environments.simulated import Hang, SimulatedLoop
from ..errors import SetupError, SubjectError
from ..subjects import elsewhere
from ..subjects.command_line import CommandLine
from ..subjects.connects import AUDIT, known_on
from ..subjects.declaration import Op, Subject
from ..subjects.leftovers import Held, Leftovers
from ..subjects.listeners import Listeners
from ..subjects.load import Spec
from ..subjects.opened import Opened
from ..subjects.recording import Watch
from ..tune import Tune
from .blocking import blocked
from .environment import CONNECTS, Direct, Simulation
from .hanging import beside, pending

__all__ = ["VirtualClient"]

T = TypeVar("T")

_LIMIT = 20.0  # virtual seconds


class VirtualClient:
    """A subject that is driven (`Client` of lab/play.py). Its events go into `simulation`'s history.

    `threads`: those of this process that are not the subject's.
    """

    def __init__(
        self,
        loop: SimulatedLoop,
        spec: Spec,
        subject: Subject,
        simulation: Simulation,
        *,
        threads: Collection[threading.Thread],
    ) -> None:
        self._loop = loop
        self._spec = spec
        self._subject = subject
        self._simulation = simulation
        self._threads = threads
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
        self._demand_loop()
        self._opened = opening
        self._watch.opened(began, connects=CONNECTS)
        self._watch.holds(began, before)

    def _demand_loop(self) -> None:
        """Raise SetupError for a subject that has asked for another loop than asyncio's.

        Its loop keeps its own time in C; on asyncio's the client would be another than it is.
        """
        with closing(asyncio.new_event_loop()) as loop:
            if known_on(loop) != AUDIT:
                raise SetupError(
                    f"{self._spec} asks for uvloop, which simulated can't run",
                    call=f"asyncio.set_event_loop_policy: new loops are {type(loop).__module__}'s",
                    mend="--env embedded, which has uvloop; or leave the policy alone",
                )

    def operate(
        self,
        calls: Sequence[tuple[int, str]],
        *,
        concurrency: int = 1,
        cancel_after: float | None = None,
        limit: float = _LIMIT,
    ) -> tuple[int, ...]:
        """Run operations, as ids and names; the ids of those that have not come back in time.

        Those that never will are recorded as such; then what is left of the time passes at once.
        """
        opened, until = self._opened, self._loop.time() + limit
        if opened is None:
            raise SetupError(f"{self._spec} is not open")
        unended = dict.fromkeys(op for op, _ in calls)
        operating = self._loop.create_task(
            opened.operate(
                calls, concurrency=concurrency, cancel_after=cancel_after, ended=unended.pop
            )
        )
        try:
            if self._driven(operating, limit):
                operating.result()
        except Hang as hang:
            if hang.turns is not None:
                raise self._spins(hang) from hang
            self._hung(opened.running)
            self._loop.run_for(until - self._loop.time())
        return tuple(unended)

    def _hung(self, running: Mapping[int, asyncio.Task[None]]) -> None:
        """Record of each operation under way that nothing will end it."""
        others = asyncio.all_tasks(self._loop) - self._own - {*running.values()}
        unless = beside(self._threads)
        for op, task in sorted(running.items()):
            self._watch.hung(op, pending(task, others), unless)

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
                behind = self._leftovers.behind(self._watch.ports)
                self._watch.kept(*self._within(behind, limit, "close"))
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
        assert not isinstance(offer.call, CommandLine)  # `demand_simulable` refuses these
        value = offer.call()
        return await value if inspect.isawaitable(value) else value

    def _within(self, doing: Coroutine[Any, Any, T], limit: float, what: str) -> T:
        task = self._loop.create_task(doing)
        try:
            in_time = self._driven(task, limit)
        except Hang as hang:
            if hang.turns is not None:
                raise self._spins(hang) from hang
            raise SubjectError(f"{self._spec}: it will never {what}: {hang}") from hang
        if not in_time:
            task.cancel()
            raise SubjectError(f"{self._spec}: it did not {what} within {limit:g} s")
        return task.result()

    def _driven(self, task: asyncio.Task[Any], limit: float) -> bool:
        """Drive the loop until it is done, at most so long; whether it is.

        Raises Hang, and SetupError for a subject that leaves the simulation: what it then waits for
        would have come elsewhere.
        """
        self._own.add(task)
        escapes = self._loop.run.escapes
        try:
            return self._loop.run_within(limit, task)
        finally:
            if escapes:  # whatever the client made of it
                raise blocked(self._spec, str(escapes[0])) from escapes[0]

    def _spins(self, hang: Hang) -> SetupError:
        """It may well end where time passes by itself."""
        return SetupError(
            f"{self._spec} waits for the time by looking at it, so simulated can't run it",
            seen=str(hang),
            mend="--env embedded, or await asyncio.sleep in its loop",
        )
