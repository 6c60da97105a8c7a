"""One play of a plan: each step carried out, by a client that is driven, in an environment.

Where both are, and what time it is, is not known here. Counterpart: run.py plays the baseline, then the
armed plan, and keeps what came of both. Nothing is judged here.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from datetime import UTC, datetime
from importlib.metadata import version
from platform import python_version
from random import Random
from typing import Any, Literal, Protocol, assert_never

from ..faults import Fault
from ..faults.actions import EndProcess
from ..faults.arming import on_process
from .attempts import misdeclared, read
from .contract import Contract
from .environments import Environment, Handle
from .errors import SetupError, SubjectError
from .history import ClockSet, Header, History, HistoryError, OpUnknown, RunEnded
from .oracle import begin, fold, open_circuits, timeline
from .plan import (
    Clear,
    Enter,
    Fresh,
    Inject,
    Operate,
    Plan,
    Renew,
    SetClock,
    Wait,
)
from .subjects.elsewhere import calls_another
from .tune import TUNES, Tune

__all__ = ["OPENING", "Client", "Clock", "Kind", "Play", "RealClock", "Stage", "header"]

Kind = Literal["armed", "baseline"]

OPENING = 20.0
"""Seconds that a subject may take to import, open or close."""

_LOOK = 0.1  # seconds between looks whether the run can go on
_LEAK = 1.2  # seconds that a closed subject is kept while connections are open
_CLOSED = 0.02  # seconds between looks whether they are


class Clock(Protocol):
    """The time of a play: real, or virtual, where it goes on only in these waits and in operations."""

    def now(self) -> float:
        """Seconds."""

    def wait(self, seconds: float) -> bool:
        """Let so much time pass; True, at once, if the play is stopped."""

    def until(self, done: Future[Any], seconds: float) -> bool:
        """Let time pass until this is done, at most so many seconds; whether it is."""

    def set_wall(self, seconds: float) -> None:
        """Set the wall clock forward, or back: no time passes. SetupError where it is the machine's."""

    def stop(self) -> None:
        """From another thread: no wait goes on."""


class RealClock:
    """CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> float:
        """Seconds on it."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Let so much time pass; True, at once, if the play is stopped."""
        return self._stopped.wait(seconds)

    def until(self, done: Future[Any], seconds: float) -> bool:
        """Let time pass until this is done, at most so many seconds; whether it is."""
        return bool(wait_for([done], seconds).done)

    def set_wall(self, seconds: float) -> None:
        """Refused: others live by it. Raises SetupError."""
        raise SetupError(f"the machine's wall clock is not the lab's to set by {seconds:g} s")

    def stop(self) -> None:
        """No wait goes on."""
        self._stopped.set()


class Stage(Environment, Protocol):
    """An environment in which one play takes place. `connects`: how a command's are known there."""

    start: float
    connects: str

    def abandon(self) -> None:
        """Let go of it without waiting."""


class Client(Protocol):
    """A subject that is driven. Each method may raise SubjectError and SetupError."""

    def open(
        self,
        urls: Mapping[str, str],
        *,
        tune: Tune | None,
        seed: int,
        start: float,
        connects: str = "",
        limit: float = OPENING,
    ) -> None:
        """Enter its factory."""

    def operate(
        self,
        calls: Sequence[tuple[int, str]],
        *,
        concurrency: int = 1,
        cancel_after: float | None = None,
        limit: float = OPENING,
    ) -> tuple[int, ...]:
        """Run operations, as ids and names; the ids of those that have not come back in time."""

    def flush(self, token: int) -> None:
        """Have all that it recorded sent, and then this mark."""

    def close(self, *, limit: float = OPENING) -> None:
        """Leave its factory. It may be opened again."""

    def kill(self) -> None:
        """End it, and all that it started. More than once does no harm."""

    def was_elsewhere(self, op: int) -> bool:
        """Whether it connected elsewhere during this operation; known after `close`."""

    def elsewhere(
        self, operation: str, service: str, *, ended: str = "came back ok"
    ) -> SubjectError:
        """What to tell the author of a subject that does not call us, after `close`."""


class Play:
    """One play of a plan, baseline or armed: `client` before the listeners of `stage`, both its own.

    `subject` is how people call the client. `foreseen`: the faults of the story, also where this play
    arms none; one that this machine can't do is refused before anything is played. Raises FaultError,
    SetupError and SubjectError, as each of its methods may.
    """

    def __init__(
        self,
        story: Plan,
        kind: Kind,
        say: Callable[[str, int], None],
        *,
        subject: str,
        contract: Contract,
        stage: Stage,
        client: Client,
        clock: Clock,
        foreseen: Iterable[Fault] = (),
    ) -> None:
        self._foreseen = [fault for fault in foreseen if on_process(fault) is None]
        self._subject = subject
        self._plan = story
        self._tell = say
        self._kind = kind
        self._done = 0  # operations that ended
        self._deadline = 0.0
        self._phase = ""
        self._opened = 0  # times that the subject was opened
        self._contract = contract
        self._for_open: set[object] = set()  # slots of faults that wait for an open breaker
        self._restarts: list[tuple[float, Handle]] = []  # of servers, and when each is due
        self._env = stage
        self._client = client
        self._clock = clock

    def abandon(self) -> None:
        """Stop from another thread: the play ends with a SetupError."""
        self._clock.stop()
        self._client.kill()
        self._env.abandon()

    def play(self) -> History:
        """Carry out every step; the whole history."""
        try:
            tune = TUNES[self._plan.tune]
            self._say("opening")
            for fault in self._foreseen:
                self._env.demand_fit(fault)
            planned = self._plan.faults().values()
            self._env.prepare(*planned)
            for fault in planned:
                if on_process(fault) is not None:  # its process is there now
                    self._env.demand_fit(fault)
            self._open(tune)  # has a limit of its own: a slow start takes nothing from the plan's
            self._deadline = self._clock.now() + self._plan.limit
            if self._carry_out(tune):
                self._client.close(limit=OPENING)
                self._settle()
                self._await_closes()
            if self._clock.wait(0):
                raise SetupError("the run was stopped")
            self._env.note(RunEnded(t=self._env.clock()))
        except BaseException:
            self._client.kill()
            with contextlib.suppress(SetupError, OSError, HistoryError):
                self._env.close()
            raise
        self._client.kill()
        history = self._env.close()
        self._went_elsewhere(history)
        return history

    def _carry_out(self, tune: Tune | None) -> bool:
        """Whether every operation ended within the plan's limit."""
        for step in self._plan.steps:
            match step:
                case Enter():
                    self._settle()
                    self._phase = step.phase
                    if step.phase == "recovery":
                        self._clear()
                    self._env.enter(step.phase)
                case Inject():
                    self._env.barrier()  # what an operation that is over has sent meets no later fault
                    handle = self._env.inject(step.id, step.fault)
                    match on_process(step.fault):
                        case EndProcess(restart=float(restart)) if not step.fault.waits:
                            self._restarts.append((self._clock.now() + restart, handle))
                    self._for_open.discard(step.fault.slot())
                    if step.fault.follows("open"):
                        self._for_open.add(step.fault.slot())
                        self._look_for_open()
                case Clear():
                    self._clear()
                case Wait():
                    self._say(f"waiting {step.seconds:g} s")
                    if self._clock.wait(step.seconds):
                        raise SetupError("the run was stopped")
                    self._await_restarts()
                case SetClock():
                    self._env.barrier()  # what came before it came by the clock as it was
                    self._clock.set_wall(step.seconds)
                    self._env.note(ClockSet(t=self._env.clock(), seconds=step.seconds))
                case Fresh():
                    self._env.barrier()
                    self._env.fresh()
                case Renew():
                    self._client.close(limit=OPENING)
                    self._open(tune)
                case Operate():
                    if not self._operate(step):
                        return False
                case _:
                    assert_never(step)
        return True

    def _clear(self) -> None:
        """End every fault; what a server takes to start again is no time of the plan's."""
        self._env.barrier()  # a client that has given up is gone before what was held is let go
        begun = self._clock.now()
        self._env.clear()
        self._for_open.clear()
        self._restarts.clear()
        self._deadline += self._clock.now() - begun

    def _await_restarts(self) -> None:
        """Outlast the start of a server that was due to be back: a stub is at once, others take time."""
        begun = self._clock.now()
        due = [handle for at, handle in self._restarts if at <= begun]
        for handle in due:
            while not self._clock.until(handle.over, _LOOK):
                self._env.barrier()  # which says so if it will never be
        self._restarts = [one for one in self._restarts if one[1] not in due]
        self._deadline += self._clock.now() - begun

    def _open(self, tune: Tune | None) -> None:
        urls = {name: self._env.url(name) for name in self._plan.services}
        self._client.open(
            urls,
            tune=tune,
            seed=self._seed(),
            start=self._env.start,
            connects=self._env.connects,
            limit=OPENING,
        )
        self._opened += 1

    def _seed(self) -> int:
        """The plan's own for the first opening, and for each later one another that follows from it.

        Clients that draw alike wait alike, and would seem not to draw at all.
        """
        if not self._opened:
            return self._plan.seed
        return Random(f"{self._plan.seed} {self._opened}").getrandbits(32)

    def _operate(self, step: Operate) -> bool:
        self._say(f"{step.name} x {len(step.ids)}")
        turns = [step.ids]
        commands = self._plan.connects == "packets"
        if (self._for_open or commands) and step.concurrency == 1:
            turns = [(number,) for number in step.ids]  # look for an open breaker behind each
        hanging: Collection[int] = ()
        for turn in turns:
            left = max(0.0, self._deadline - self._clock.now())
            calls = [(number, step.name) for number in turn]
            hanging = self._client.operate(
                calls, concurrency=step.concurrency, cancel_after=step.cancel_after, limit=left
            )
            if hanging:
                break
            self._done += len(turn)
            if commands:
                self._settle()  # what carries no tag is the present operation's
            self._look_for_open()
        if not hanging:
            return True
        with contextlib.suppress(SubjectError):  # it may not even give out its records
            self._settle()
        for operation in read(self._env.events()).operations:
            if operation.id in hanging and operation.ending == "unknown" and not operation.hung:
                self._env.note(OpUnknown(t=self._env.clock(), op=operation.id))
        self._client.kill()
        return False

    def _say(self, what: str) -> None:
        where = f"{self._phase}: {what}" if self._phase else what
        self._tell(where if self._kind == "armed" else f"{self._kind}, {where}", self._done)

    def _look_for_open(self) -> None:
        """Tell faults that wait for it that a breaker is open, by what the contract makes of it."""
        if not self._for_open:
            return
        self._settle()
        state = begin()
        for event in timeline(self._contract, read(self._env.events())):
            state = fold(self._contract, state, event)
        if open_circuits(state):
            self._env.opened()
            self._for_open.clear()

    def _settle(self) -> None:
        """Everything that happened is recorded before the next phase begins."""
        self._env.barrier(self._client.flush)

    def _await_closes(self) -> None:
        """Outlast the time in which a closed subject's connections must be over (C70).

        The death of its process would close them all, and hide a leak.
        """
        until = self._clock.now() + _LEAK
        while self._clock.now() < until:
            self._env.barrier()
            if all(known.closed is not None for known in read(self._env.events()).connections):
                return
            self._clock.wait(_CLOSED)

    def _went_elsewhere(self, history: History) -> None:
        """Raise SubjectError for a subject that works without the lab's addresses."""
        reading = read(history)
        control = [operation for operation in reading.operations if operation.phase == "control"]
        called = {operation.name for operation in control if operation.attempts}
        reached = {attempt.service for attempt in reading.strays}
        for operation in control:
            sent = misdeclared(operation)
            if sent is not None:
                raise calls_another(
                    self._subject,
                    operation.name,
                    declared=operation.endpoint,
                    service=operation.service,
                    method=sent.method,
                    target=sent.target,
                )
            if operation.name in called or operation.service in reached:
                continue
            if operation.ending == "ok":
                raise self._client.elsewhere(operation.name, operation.service)
            if operation.errors and self._client.was_elsewhere(operation.id):
                raise self._client.elsewhere(
                    operation.name,
                    operation.service,
                    ended=f"ended with {operation.errors[0].classes[0]}",
                )


def header(story: Plan, kind: Kind) -> Header:
    """The first line of a play's history."""
    return Header(
        scenario=story.scenario,
        seed=story.seed,
        environment=story.environment,
        tune=story.tune,
        subject=story.subject,
        run=kind,
        versions={"faultlab": version("faultlab"), "python": python_version()},
        wall=datetime.now(UTC).isoformat(timespec="seconds"),
    )
