"""The only conductor: a plan, an environment and a subject become a history.

A story is played twice, first with its faults disarmed (the baseline), then armed, each on
listeners of its own in the one lab process and with a process of its own for the subject. Where the
baseline does not work, no fault is armed. Nothing is judged here.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from types import TracebackType
from typing import Literal, Self, assert_never

from ..scenarios import Problem, Scenario, ScenarioError, Served
from ..scenarios.errors import nearest
from .attempts import misdeclared, read
from .backends.specification import Specification, Url, amended
from .contract import Contract
from .environments import ENVIRONMENTS
from .environments.embedded import Embedded, LabProcess
from .errors import LabError, SetupError, SubjectError
from .expect import not_ok
from .history import Header, History, HistoryError, OpUnknown, RunEnded
from .oracle import begin, fold, open_circuits, timeline
from .plan import (
    Clear,
    Enter,
    Fresh,
    Inject,
    NotOffered,
    Offer,
    Operate,
    Plan,
    Renew,
    Wait,
    plan,
)
from .redaction import redacted
from .results import Result
from .subjects.child import Child, Description
from .subjects.elsewhere import calls_another
from .subjects.given import Given, demand_served
from .tune import TUNES, Tune, tuned

__all__ = ["Progress", "Session"]

Kind = Literal["armed", "baseline"]

_NOTHING_GIVEN = Given()
_OPENING = 20.0  # seconds that a subject may take to import, open or close
_LEAK = 1.2  # seconds that a closed subject's process is kept while connections are open


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one story stands: `done` operations of `total`, those of the baseline included."""

    name: str
    text: str
    done: int
    total: int


class Session:
    """One subject in one environment: the lab process, and what the subject declared.

    `out` is the run folder. Raises SetupError, SubjectError and ContractError.
    """

    def __init__(
        self,
        subject: str,
        *,
        environment: str,
        tune: Literal["fast", "none"] | None,
        seed: int,
        out: Path,
        given: Given = _NOTHING_GIVEN,
    ) -> None:
        if environment not in ENVIRONMENTS:
            raise SetupError(
                f"environment {environment!r} comes with a later version",
                expected=", ".join(ENVIRONMENTS),
            )
        self.environment = environment
        self.seed = seed
        self.out = out
        self._tune_asked = tune
        self.spec = subject
        self._running = 0
        self._lock = threading.Lock()
        self._closing = False
        self._live: set[_Play] = set()
        described = describe(subject, out)
        self.subject = redacted(subject)  # as it was named, so that a run can be repeated
        self.offers = tuple(
            Offer(
                name=offered.name,
                service=offered.service,
                method=offered.method,
                path=offered.path,
                idempotent=offered.idempotent,
                keyed=offered.keyed,
                cancellable=offered.cancellable,
                command=offered.command,
            )
            for offered in described.offers
        )
        demand_served(self.subject, described.services, described.unserved, given.services)
        self.services = {**described.services, **given.services}
        self._given = given
        self._contract = described.contract if given.contract is None else given.contract
        self._tunable = described.tunable
        self._process: LabProcess | None = None

    @property
    def process(self) -> LabProcess:
        """The lab process. The first `play` starts it, so a plan alone starts nothing."""
        assert self._process is not None
        return self._process

    def tune_of(self, scenario: Scenario) -> str:
        """The tune's name for a scenario."""
        return tune_name(self._tune_asked, scenario.tune, tunable=self._tunable)

    def contract_for(self, tune: str) -> Contract:
        """The subject's contract under a tune."""
        return tuned(self._contract, TUNES[tune])

    @property
    def contract(self) -> Contract:
        """The subject's contract under the tune asked for."""
        return self.contract_for(tune_name(self._tune_asked, None, tunable=self._tunable))

    def plan(
        self, scenario: Scenario, slugs: Mapping[str, str], promises: Mapping[str, str]
    ) -> Plan | NotOffered:
        """The scenario made concrete. Raises ScenarioError.

        `slugs` and `promises` map a check's slug to its id, and its id to the field it judges.
        """
        tune = self.tune_of(scenario)
        served, problems = self._served(scenario.services, scenario.file)
        try:
            made = self._planned(scenario, tune, served, slugs, promises)
        except ScenarioError as error:
            raise ScenarioError([*problems, *error.problems]) from None
        if problems:
            raise ScenarioError(problems)
        return made

    def served(self, story: Plan) -> dict[str, Specification]:
        """Who serves each service of a plan that this session made."""
        served, _ = self._served(story.served, story.file)
        return {name: served[name] for name in story.services}

    def _served(
        self, words: Sequence[Served], file: str
    ) -> tuple[dict[str, Specification], list[Problem]]:
        """Who serves, after what a file says of the stubs, and what is wrong with that."""
        found = dict(self.services)
        problems: list[Problem] = []
        for one in words:
            key = f"services.{one.service}"
            if one.service not in found:
                close = nearest(one.service, found)
                hint = f"nearest: {close}" if close else "known: " + ", ".join(found)
                text = f"{self.subject} has no service `{one.service}`; {hint}"
                problems.append(Problem(file, one.line, key, text))
                continue
            try:
                found[one.service] = amended(found[one.service], _said(one), Path(file).parent)
            except ValueError as error:
                problems.append(Problem(file, one.line, key, str(error)))
        return found, problems

    def _planned(
        self,
        scenario: Scenario,
        tune: str,
        served: Mapping[str, Specification],
        slugs: Mapping[str, str],
        promises: Mapping[str, str],
    ) -> Plan | NotOffered:
        made = plan(
            scenario,
            self.contract_for(tune),
            self.offers,
            seed=self.seed,
            environment=self.environment,
            tune=tune,
            subject=self.subject,
            slugs=slugs,
            promises=promises,
            services=tuple(served),
            foreign={name: one.url for name, one in served.items() if isinstance(one, Url)},
        )
        if isinstance(made, NotOffered):
            return made
        return made.model_copy(update={"given": self._given.words})

    def play(
        self,
        plans: Sequence[Plan],
        *,
        progress: Callable[[Progress], None] | None = None,
        ended: Callable[[Result], None],
        jobs: int,
    ) -> None:
        """Play the plans, `jobs` side by side; `ended` is called as each ends, one at a time.

        On an exception of the caller's (Ctrl-C) what is running is stopped and kept.
        """
        said = threading.Lock()
        if self._process is None:
            self._process = LabProcess()

        def one(story: Plan) -> None:
            result = self._story(story, progress)
            with said:
                if not self._closing:  # what was stopped half-way has no result
                    ended(result)

        with ThreadPoolExecutor(jobs, thread_name_prefix="faultlab-story") as pool:
            try:
                for future in [pool.submit(one, story) for story in plans]:
                    future.result()
            except BaseException:
                self.stop()
                pool.shutdown(cancel_futures=True)
                raise

    def stop(self) -> None:
        """Stop what is running, for good: subjects killed, listeners closed, histories kept."""
        with self._lock:
            self._closing = True
            live = tuple(self._live)
        for running in live:
            running.abandon()

    def close(self) -> None:
        """Stop everything, the lab process last."""
        self.stop()
        if self._process is not None:
            self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _story(self, story: Plan, progress: Callable[[Progress], None] | None) -> Result:
        began = time.monotonic()
        folder = self.out / story.scenario
        contract = self.contract_for(story.tune)
        histories: dict[str, History] = {}
        problem: LabError | None = None

        runs: tuple[tuple[Kind, Plan], ...] = (("baseline", story.disarmed()), ("armed", story))
        total = sum(len(step.ids) for _, played in runs for step in played.operations())
        before = 0

        def say(text: str, done: int) -> None:
            if progress is not None:
                progress(Progress(story.scenario, text, before + done, total))

        try:
            for kind, played in runs:
                histories[kind] = self._run(played, kind, folder, say)
                before += sum(len(step.ids) for step in played.operations())
                if kind == "baseline" and not_ok(read(histories[kind]), contract):
                    break  # a run with faults would show nothing about them
        except LabError as error:
            problem = error
        except (OSError, HistoryError) as error:
            problem = SetupError(f"{folder}: {error}")
        return Result(
            name=story.scenario,
            plan=story,
            contract=contract,
            armed=histories.get("armed"),
            baseline=histories.get("baseline"),
            judgement=None,
            seconds=time.monotonic() - began,
            error=problem,
            folder=folder,
        )

    def _run(
        self,
        story: Plan,
        kind: Kind,
        folder: Path,
        say: Callable[[str, int], None],
    ) -> History:
        running = _Play(self, story, kind, folder, say)
        with self._lock:
            late = self._closing  # it was not among those that `stop` saw
            self._live.add(running)
        try:
            if late:
                running.abandon()
            return running.play()
        finally:
            with self._lock:
                self._live.discard(running)


def _said(served: Served) -> dict[str, object]:
    """The words that a file has for a stub, as an author of a subject writes them."""
    who = {"stub": served.stub, "openapi": served.openapi, "url": served.url}
    words: dict[str, object] = {name: word for name, word in who.items() if word is not None}
    if served.preset:
        words["preset"] = served.preset
    if served.pace is not None:
        words["pace"] = served.pace
    if served.honours_idempotency_key is not None:
        words["honours_idempotency_key"] = served.honours_idempotency_key
    return words


def describe(subject: str, out: Path) -> Description:
    """What a subject declares, asked of a process of its own that calls nobody."""
    events, theirs = socket.socketpair()
    with events, theirs:
        child = Child(subject, theirs, log=out / "subject.log")
        try:
            return child.describe(limit=_OPENING)
        finally:
            child.kill()


class _Play:
    """One play of a plan: baseline or armed."""

    def __init__(
        self,
        session: Session,
        story: Plan,
        kind: Kind,
        folder: Path,
        say: Callable[[str, int], None],
    ) -> None:
        self._session = session
        self._plan = story
        self._tell = say
        self._kind = kind
        self._done = 0  # operations that ended
        self._path = folder / f"{kind}.jsonl"
        self._deadline = 0.0
        self._phase = ""
        self._contract = session.contract_for(story.tune)
        self._for_open: set[object] = set()  # slots of faults that wait for an open breaker
        self._stopped = threading.Event()
        feed, events = socket.socketpair()
        with contextlib.ExitStack() as stack:
            stack.enter_context(events)
            stack.callback(feed.close)
            self._child = Child(session.spec, events, log=folder / f"{kind}.log")
            stack.callback(self._child.kill)
            self._env = Embedded(
                session.process,
                session.served(story),
                header=header(story, kind),
                path=self._path,
                feed=feed,
            )
            stack.pop_all()
        events.close()

    def abandon(self) -> None:
        """Stop from another thread: the play ends with a SetupError."""
        self._stopped.set()
        self._child.kill()
        self._env.abandon()

    def play(self) -> History:
        """Carry out every step; the whole history."""
        try:
            tune = TUNES[self._plan.tune]
            self._say("opening")
            self._env.prepare(*self._plan.faults().values())
            self._open(tune)  # has a limit of its own: a slow start takes nothing from the plan's
            self._deadline = time.monotonic() + self._plan.limit
            if self._carry_out(tune):
                self._child.close(limit=_OPENING)
                self._settle()
                self._await_closes()
            if self._stopped.is_set():
                raise SetupError("the run was stopped")
            self._env.note(RunEnded(t=self._env.clock()))
        except BaseException:
            self._child.kill()
            with contextlib.suppress(SetupError, OSError, HistoryError):
                self._env.close()
            raise
        self._child.kill()
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
                        self._env.clear()
                        self._for_open.clear()
                    self._env.enter(step.phase)
                case Inject():
                    self._env.inject(step.id, step.fault)
                    self._for_open.discard(step.fault.slot())
                    if step.fault.follows("open"):
                        self._for_open.add(step.fault.slot())
                        self._look_for_open()
                case Clear():
                    self._env.clear()
                    self._for_open.clear()
                case Wait():
                    self._say(f"waiting {step.seconds:g} s")
                    if self._stopped.wait(step.seconds):
                        raise SetupError("the run was stopped")
                case Fresh():
                    self._env.fresh()
                case Renew():
                    self._child.close(limit=_OPENING)
                    self._open(tune)
                case Operate():
                    if not self._operate(step):
                        return False
                case _:
                    assert_never(step)
        return True

    def _open(self, tune: Tune | None) -> None:
        urls = {name: self._env.url(name) for name in self._plan.services}
        self._child.open(
            urls, tune=tune, seed=self._plan.seed, start=self._env.start, limit=_OPENING
        )

    def _operate(self, step: Operate) -> bool:
        self._say(f"{step.name} x {len(step.ids)}")
        turns = [step.ids]
        commands = self._plan.connects == "packets"
        if (self._for_open or commands) and step.concurrency == 1:
            turns = [(number,) for number in step.ids]  # look for an open breaker behind each
        hanging: Collection[int] = ()
        for turn in turns:
            left = max(0.0, self._deadline - time.monotonic())
            calls = [(number, step.name) for number in turn]
            hanging = self._child.operate(
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
            if operation.id in hanging and operation.ending == "unknown":
                self._env.note(OpUnknown(t=self._env.clock(), op=operation.id))
        self._child.kill()
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
        self._env.barrier(self._child.flush)

    def _await_closes(self) -> None:
        """Outlast the time in which a closed subject's connections must be over (C70).

        The death of its process closes them all, and would hide a leak.
        """
        until = time.monotonic() + _LEAK
        while time.monotonic() < until:
            self._env.barrier()
            if all(known.closed is not None for known in read(self._env.events()).connections):
                return
            time.sleep(0.02)

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
                    self._session.subject,
                    operation.name,
                    declared=operation.endpoint,
                    service=operation.service,
                    method=sent.method,
                    target=sent.target,
                )
            if operation.name in called or operation.service in reached:
                continue
            if operation.ending == "ok":
                raise self._child.elsewhere(operation.name, operation.service)
            if operation.errors and self._child.was_elsewhere(operation.id):
                raise self._child.elsewhere(
                    operation.name,
                    operation.service,
                    ended=f"ended with {operation.errors[0].classes[0]}",
                )


def tune_name(asked: str | None, written: str | None, *, tunable: bool) -> str:
    """Which tune a scenario is played with: as asked, as its file says, or `fast`.

    `none` for a subject that does not ask for `tune`: it keeps its contract's own numbers.
    """
    if not tunable:
        return "none"
    return next((name for name in (asked, written) if name is not None), "fast")


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
