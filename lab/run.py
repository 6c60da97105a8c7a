"""The only conductor: a plan, an environment and a subject become a history.

A story is played twice, first with its faults disarmed (the baseline), then armed, each on
listeners of its own in the one lab process and with a process of its own for the subject. Where the
baseline does not work, no fault is armed. Nothing is judged here.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from ..faults import Fault
from ..scenarios import Problem, Scenario, ScenarioError, Served
from ..scenarios.errors import nearest
from .attempts import read
from .backends.served import stubbed
from .backends.specification import Specification, Url, amended
from .contract import Contract
from .environments import ENVIRONMENTS, demand_servable, undone, unserved
from .environments.deployed import deployed
from .environments.host import Host
from .environments.hosted import Hosted
from .environments.start import Lasting, start
from .errors import LabError, SetupError
from .expect import not_ok
from .history import History, HistoryError
from .plan import (
    Inject,
    NotOffered,
    Offer,
    Plan,
    plan,
)
from .play import OPENING, Kind, Play, RealClock, header
from .redaction import GONE, is_secret, redacted
from .results import Result
from .simulation.blocking import demand_simulable
from .simulation.simulator import Simulator
from .subjects.child import Child, Description
from .subjects.given import Given, demand_served
from .tune import TUNES, tuned

__all__ = ["Progress", "Session"]

_NOTHING_GIVEN = Given()


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one story stands: `done` operations of `total`, those of the baseline included."""

    name: str
    text: str
    done: int
    total: int


def _nothing(_: str) -> None:
    pass


class Session:
    """One subject in one environment: the lab process, and what the subject declared.

    `out` is the run folder. `say` gets a line for what takes long before the first story. Raises SetupError, SubjectError and ContractError.
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
        say: Callable[[str], None] = _nothing,
        proxy: str = "embedded",
    ) -> None:
        if environment not in ENVIRONMENTS:
            raise SetupError(
                f"environment {environment!r} comes with a later version",
                expected=", ".join(ENVIRONMENTS),
            )
        self.environment = environment
        self.proxy = proxy
        self.seed = seed
        self.out = out
        self._tune_asked = tune
        self._say = say
        self.spec = subject
        self._running = 0
        self._lock = threading.Lock()
        self._closing = False
        self._secret: dict[tuple[str, tuple[Served, ...]], tuple[Served, ...]] = {}
        self._live: set[Play] = set()
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
        said = {**described.services, **dict.fromkeys(described.unserved), **given.services}
        given = given.beside(deployed(environment, said, os.environ))
        demand_served(self.subject, described.services, described.unserved, given.services)
        self.services = {**described.services, **given.services}
        for name, specification in self.services.items():
            demand_servable(environment, name, specification)
        self._given = given
        self._contract = described.contract if given.contract is None else given.contract
        self._tunable = described.tunable
        self._lasting = Lasting(self._start)
        self._usual = (
            "none" if environment == "simulated" else "fast"
        )  # waiting costs nothing there
        self._simulator = Simulator(subject, out / "simulated.log")
        if environment == "simulated":
            demand_simulable(self.subject, described.offers)

    def _start(self) -> Host:
        return start(self.environment, self._say, self.proxy, stubbed(self.services))

    @property
    def host(self) -> Host:
        """The lab process. The first to ask starts it, so a plan alone starts nothing."""
        return self._lasting.host()

    def tune_of(self, scenario: Scenario) -> str:
        """The tune's name for a scenario."""
        return tune_name(self._tune_asked, scenario.tune, tunable=self._tunable, else_=self._usual)

    def contract_for(self, tune: str) -> Contract:
        """The subject's contract under a tune."""
        return tuned(self._contract, TUNES[tune])

    @property
    def contract(self) -> Contract:
        """The subject's contract under the tune asked for."""
        usual = tune_name(self._tune_asked, None, tunable=self._tunable, else_=self._usual)
        return self.contract_for(usual)

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
        said = self._secret.get((story.file, story.served), story.served)
        served, _ = self._served(said, story.file)
        return {name: served[name] for name in story.services}

    def _served(
        self, words: Sequence[Served], file: str
    ) -> tuple[dict[str, Specification], list[Problem]]:
        """Who serves, after what a file says of it, and what is wrong with that."""
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
                if reason := unserved(self.environment, found[one.service]):
                    problems.append(Problem(file, one.line, key, reason))
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
        refused = [
            Problem(made.file, step.line, "inject", reason)
            for step in made.steps
            if isinstance(step, Inject) and (reason := undone(self.environment, step.fault))
        ]
        if refused:
            raise ScenarioError(refused)
        shown = tuple(_without_secrets(one) for one in made.served)
        self._secret[made.file, shown] = made.served
        told = {"given": self._given.words, "served": shown, "proxy": self.proxy}
        return made.model_copy(update=told)

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
        if self.environment != "simulated":
            self._lasting.host()  # where none starts, nothing is played

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
        self._simulator.close()
        for running in live:
            running.abandon()

    def close(self) -> None:
        """Stop everything, the lab process last."""
        self.stop()
        self._lasting.close()

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
                foreseen = story.faults().values()
                histories[kind] = self._run(played, kind, folder, say, foreseen)
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
        foreseen: Iterable[Fault],
    ) -> History:
        if self.environment == "simulated":
            say("virtual time" if kind == "armed" else "baseline, virtual time", 0)
            return self._simulator.play(
                story,
                kind,
                contract=self.contract_for(story.tune),
                services=self.served(story),
                subject=self.subject,
                path=folder / f"{kind}.jsonl",
            )
        stage, client = self._beside(story, kind, folder)
        running = Play(
            story,
            kind,
            say,
            subject=self.subject,
            contract=self.contract_for(story.tune),
            stage=stage,
            client=client,
            clock=RealClock(),
            foreseen=foreseen,
        )
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

    def _beside(self, story: Plan, kind: Kind, folder: Path) -> tuple[Hosted, Child]:
        """A run in the lab process, and a process of the subject's that records into it."""
        feed, events = socket.socketpair()
        with events, ExitStack() as undo:
            undo.callback(feed.close)
            child = Child(self.spec, events, log=folder / f"{kind}.log")
            undo.callback(child.kill)
            hosted = Hosted(
                self.host,
                self.served(story),
                header=header(story, kind),
                path=folder / f"{kind}.jsonl",
                feed=feed,
                counts=story.connects == "packets",
            )
            undo.pop_all()
        return hosted, child


def _said(served: Served) -> dict[str, object]:
    """The words that a file has for a service, as an author of a subject writes them."""
    said = {
        "stub": served.stub,
        "openapi": served.openapi,
        "url": served.url,
        "command": served.command,
        "image": served.image,
        "port": served.port,
        "ready": served.ready,
        "ready_within": served.ready_within,
    }
    words: dict[str, object] = {name: word for name, word in said.items() if word is not None}
    if served.environment:
        words["environment"] = dict(served.environment)
    if served.preset:
        words["preset"] = served.preset
    if served.pace is not None:
        words["pace"] = served.pace
    if served.honours_idempotency_key is not None:
        words["honours_idempotency_key"] = served.honours_idempotency_key
    return words


def _without_secrets(served: Served) -> Served:
    """As a plan may keep it: it lies in the run folder."""
    command = served.command
    return replace(
        served,
        command=tuple(map(redacted, command))
        if isinstance(command, tuple)
        else command and redacted(command),
        environment=tuple(
            (name, GONE if is_secret(name) else redacted(value))
            for name, value in served.environment
        ),
    )


def describe(subject: str, out: Path) -> Description:
    """What a subject declares, asked of a process of its own that calls nobody."""
    events, theirs = socket.socketpair()
    with events, theirs:
        child = Child(subject, theirs, log=out / "subject.log")
        try:
            return child.describe(limit=OPENING)
        finally:
            child.kill()


def tune_name(asked: str | None, written: str | None, *, tunable: bool, else_: str = "fast") -> str:
    """Which tune a scenario is played with: as asked, as its file says, or `else_`.

    `none` for a subject that does not ask for `tune`: it keeps its contract's own numbers.
    """
    if not tunable:
        return "none"
    return next((name for name in (asked, written) if name is not None), else_)
