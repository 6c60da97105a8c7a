"""One test's lab: its services, the faults in force, counts.

Counterparts: `arming.py` has the ways to fail, `armed.py` is what arming gives, `evidence.py` what
counting asks. Knows no pytest: what fails here is an AssertionError or an error of `errors.py`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count
from os import PathLike, fspath
from pathlib import Path
from platform import python_version
from textwrap import wrap
from typing import Any

from typing_extensions import override

from ...faults import Fault, Refused
from ...scenarios.errors import nearest
from ..attempts import Attempt
from ..backends.maximus import BUILTIN
from ..backends.specification import Builtin, Server, Specification, parse
from ..environments import Handle, demand_servable
from ..environments.deployed import deployed
from ..errors import EvidenceMissing, LabError, UsageError
from ..history import EffectApplied, Header, History
from ..report.lanes import WIDTH, lanes
from ..subjects.builtin import SERVICES, MaximusClient, client
from ..subjects.listeners import Listeners
from ..subjects.recording import Watch
from ..tune import TUNES, Tune, tuned
from .armed import Armed, Unfired
from .arming import Arming
from .count import Count
from .evidence import Evidence
from .ground import Place
from .judged import Verdict, judged
from .operations import Marked, Operations
from .promises import promised
from .settings import SIMULATED, Settings
from .story import played

__all__ = ["LIMIT", "Lab"]

__tracebackhide__ = True  # pytest: the line to show is the test's own

LIMIT = 60.0
"""Seconds after which the lab takes a test's services away, so that a blocked call returns."""

_FIRST_ROWS = 20
_LAST_ROWS = 40  # what went wrong mostly stands at the end


class Lab(Arming):
    """One test's lab. Every method is synchronous and may be used in sync and async tests.

    `place` opens the environment that it runs in, `folder` holds this test's history. `services`
    are started when their urls are first asked for, as the built-in ones are. `root` is the folder
    that files are named from (None: the current one). After `limit` seconds its services are taken
    away, so that a blocked call returns.
    """

    def __init__(
        self,
        place: Place,
        *,
        name: str,
        folder: Path,
        settings: Settings | None = None,
        services: Mapping[str, Specification] | None = None,
        root: Path | None = None,
        limit: float = LIMIT,
    ) -> None:
        settings = Settings() if settings is None else settings
        self.name = name
        self.seed = settings.seed
        self._settings = settings
        # In virtual time the true constants cost nothing.
        self._tune = settings.tune or ("none" if settings.env == SIMULATED else "fast")
        self._root = Path() if root is None else root
        self._folder = folder
        self._runs: list[Path] = []
        self._judged: list[Verdict] = []  # of this history, so that their marks are events of it
        self._played: list[Verdict] = []
        self._tuned = False  # whether the test has asked for the tune
        stubs = {name: Builtin(name) for name in BUILTIN}
        self._declared = {**stubs, **deployed(settings.env, stubs, os.environ), **(services or {})}
        self._numbers = count(1)
        self._armed: list[Armed] = []
        self._urls: dict[str, str] = {}
        self._unledgered: set[str] = set()
        self._serving = threading.RLock()
        self._lost: LabError | None = None
        header = Header(
            scenario=name,
            seed=settings.seed,
            environment=settings.env,
            tune=self._tune,
            subject="test",
            run="test",
            versions={"faultlab": version("faultlab"), "python": python_version()},
            wall=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        ground = place(header=header, path=folder / "history.jsonl")
        self._environment = ground.environment
        self.env = self._environment.name
        self._channel = ground.channel
        self._watch = Watch()
        self._watch.start(Listeners(), self._channel, ground.stamp)
        self._watch.opened(connects=ground.connects)
        self._evidence = Evidence(self._environment, self._channel, self._watch)
        self._operations = Operations(self._watch)
        self._limit = limit
        self._limited = threading.Event()
        self._timer = self._started_timer() if ground.limited else None

    @property
    def tune(self) -> Tune | None:
        """Short times for a client, in seconds (`tune.read`, ...); None: it keeps its own.

        Give them to your client and it is judged by them: `judge` puts them into the contract of a
        test that has asked for them, or for `client`, and leaves another's as it is.
        """
        self._tuned = True
        return TUNES[self._tune]

    @property
    def history(self) -> History:
        """Everything that happened so far, on the test's side, the wire and the backends."""
        return self._evidence.history

    def url(self, service: str) -> str:
        """This test's own listener before a service.

        The built-in ones and those of the ini file start when first asked for. Raises UsageError for
        a service that is none of these, nor served by the test.
        """
        self._known(service)
        with self._serving:
            if service not in self._urls:
                self._start(service, self._declared[service])
            return self._urls[service]

    def serve(self, service: str, routes: Mapping[str, object] | str) -> str:
        """A stub from routes, `{"GET /orders/{id}": {...}}`, or from an OpenAPI file; or a real server.

        That is one that runs already, `"http://127.0.0.1:9000"`, or that the lab starts and ends:
        `"cmd:./orders --port {port}"`, or in words `{"command": ["./orders", "--port", "{port}"],
        "environment": {...}, "ready": "GET /health"}`. Gives its url.

        Or words that say what a stub is like, before its url is first asked for:
        `lab.serve("core", {"preset": "degraded", "pace": "measured",
        "honours_idempotency_key": True})`; `faultlab list services` shows what there is.

        Raises UsageError for what can't be served.
        """
        named: object = service  # a test is not always type-checked
        if not isinstance(named, str) or not named.strip() or not named.isprintable():
            raise UsageError(f"lab.serve: service={service!r}", expected="a name, like orders")
        with self._serving:
            if service in self._urls:
                raise UsageError(
                    f"{service!r} is served already in this test, at {self._urls[service]}",
                    mend="serve it once, before its url is asked for; or choose another name",
                )
            try:
                specification = parse(routes, service)
            except ValueError as error:
                raise UsageError(f"lab.serve({service!r}, ...): {error}") from None
            self._start(service, specification)
            return self._urls[service]

    def client(self, *, health_max_age: float = 0.0, **options: Any) -> MaximusClient:
        """The reference client for this test's core and penelope, with the lab's tune and seed.

        `options` are its constructor's, and win. Two clients of one test have the same jitter.
        """
        urls = {service: self.url(service) for service in SERVICES}
        return client(urls, self.tune, self.seed, health_max_age=health_max_age, **options)

    def operation(self, name: str, *, idempotent: bool | None = None) -> Marked:
        """Mark what happens in a `with` block as one operation of a client without an adapter.

        Its attempts are numbered from 1, so that `attempt=` and `operation=` of a fault's scope pick
        by them, `lab.attempts(operation=name)` counts them, and `lab.judge` holds them against a
        contract. `idempotent`: whether it may be repeated; by its requests' method unless given.

        Raises UsageError inside another operation.
        """
        self._open()
        return self._operations.marked(name, idempotent)

    def attempts(self, service: str | None = None, *, operation: str | None = None) -> Count:
        """Attempts since the test began: all of them, those on a service, those of an operation.

        A request head begun, or a connect that was refused or stayed unanswered. `operation`: of all
        that were marked with this name. Raises EvidenceMissing where a count would be a guess,
        UsageError for a name that is not known.
        """
        found = self._found(service, operation)
        return Count(
            len(found),
            what=f"attempts{_on(service)}{_of(operation)}",
            why="since the test began, the first attempt included; wire below",
        )

    def effects(self, service: str | None = None, *, operation: str | None = None) -> Count:
        """What the backends really did: complete requests carried out that aren't idempotent.

        `operation`: by attempts of all that were marked with this name. Without it those of copies
        that a `Duplicate` sent are among them, since they are applied all the same. Raises
        EvidenceMissing for a server of your own: it keeps no ledger.
        """
        if operation is not None:
            found = self._found(service, operation)
            self._demand_ledger({attempt.service for attempt in found})
            number, copies = sum(attempt.effects for attempt in found), 0
        else:
            if service is not None:
                self._known(service)
            self._demand_ledger(self._unledgered if service is None else {service})
            applied = [
                event
                for event in self.history
                if isinstance(event, EffectApplied) and service in (None, event.service)
            ]
            number, copies = len(applied), sum(event.fault is not None for event in applied)
        ours = f", {copies} by copies that the lab sent" if copies else ""
        return Count(
            number,
            what=f"effects{_on(service)}{_of(operation)}",
            why=f"since the test began, late requests included{ours}; backend below",
        )

    def _found(self, service: str | None, operation: str | None) -> tuple[Attempt, ...]:
        """The attempts that are counted. Raises EvidenceMissing and UsageError."""
        if service is not None:
            self._known(service)
        numbers = None if operation is None else self._operations.numbers(operation)
        reading = self._evidence.reading()
        services = None if service is None else (service,)
        if numbers is None:
            return self._evidence.attempts(reading, services)
        return self._evidence.of_operations(reading, numbers, services)

    def _demand_ledger(self, services: set[str]) -> None:
        """Raise EvidenceMissing for a server that keeps none."""
        blind = sorted(self._unledgered & services)
        if blind:
            raise EvidenceMissing(
                f"unknown: effects on {', '.join(blind)}",
                seen="a server of your own keeps no ledger that the lab could read",
                mend="ask the server itself, or serve routes",
            )

    def judge(self, contract: object = None) -> Verdict:
        """Hold what this test's operations did so far against a contract.

        `contract`: a built-in's name, a file (from pytest's root), a mapping or a `Contract`; left out,
        that of mark or ini file, and without one only what needs no promise is judged. Its times are
        the lab's `tune` where the test has asked for it. A pass needs an operation that worked
        before the first fault, and a fault that fired; else it is `unknown`.

        Raises UsageError for what is no contract.
        """
        own = self._settings.contract
        if contract is not None:
            try:
                own = promised(contract, self._root)
            except ValueError as error:
                raise UsageError(f"lab.judge: {error}") from None
        tune = TUNES[self._tune] if self._tuned else None
        verdict = judged(self._evidence.reading(), None if own is None else tuned(own, tune))
        self._judged.append(verdict)
        return verdict

    def run(self, scenario: str | PathLike[str], subject: str | None = None) -> Verdict:
        """Play a scenario as `faultlab run` does, in a child that ends with this test.

        `scenario` is a story of the catalog, a file or a folder, `subject` what `--subject` takes;
        files are named from pytest's root. It has services of its own, this lab's seed and, where
        mark or ini file say one, its tune. Its time is not the test's: the limit begins anew.

        Raises UsageError, SetupError and SubjectError where it could not be played.
        """
        self._open()
        given: tuple[object, object] = (scenario, subject)  # a test is not always type-checked
        if not isinstance(given[0], str | PathLike) or not isinstance(given[1], str | None):
            raise UsageError(
                f"lab.run({scenario!r}, {subject!r})",
                expected='texts, like lab.run("down", "orders_lab.py:orders")',
            )
        if self.env == SIMULATED:
            raise UsageError(
                "lab.run plays in a process of its own, and a test's simulation is within one",
                mend='@pytest.mark.faultlab(env="embedded") for this test',
            )
        out = self._folder / f"run-{len(self._runs) + 1}"
        self._runs.append(out)
        arguments = ["--env", self.env, "--seed", str(self.seed)]
        arguments += ["--proxy", self._settings.proxy]
        arguments += [] if subject is None else ["--subject", subject]
        arguments += [] if self._settings.tune is None else ["--tune", self._settings.tune]
        if self._timer is not None:
            self._timer.cancel()
        try:
            verdict = played([*arguments, "--", fspath(scenario)], root=self._root, out=out)
        finally:
            self._timer = self._started_timer()
        self._played.append(verdict)
        return verdict

    @property
    def now(self) -> float:
        """Seconds since the test began; virtual in `simulated`, where only waiting takes time."""
        return self._environment.clock()

    async def advance(self, seconds: float) -> None:
        """Let so much virtual time pass: all that is due in it happens. UsageError elsewhere."""
        if self.env != SIMULATED:
            raise UsageError(
                f"lab.advance: the time of {self.env} can't be moved",
                expected='@pytest.mark.faultlab(env="simulated") on an async test',
            )
        if not 0 <= seconds < float("inf"):
            raise UsageError(f"lab.advance({seconds!r})", expected="seconds, 0 or more")
        await asyncio.sleep(seconds)

    # --- for the plugin --------------------------------------------------------------------------

    @property
    def runs(self) -> tuple[Path, ...]:
        """The folders of the scenarios that were played, in the lab's own, which goes with it."""
        return tuple(folder for folder in self._runs if any(folder.glob("*/plan.json")))

    def report(self) -> tuple[History, str]:
        """The history and its lanes, for a failed test; of what there is if the place is gone."""
        try:
            history = self.history
        except LabError as error:
            self._lost = error
            history = self._environment.events()
        marks = [mark for one in self._judged for found in one.findings for mark in found.marks]
        lines = lanes(history, marks=dict.fromkeys(marks))
        left_out = len(lines) - 1 - _FIRST_ROWS - _LAST_ROWS
        if left_out > 0:
            middle = f"           ... {left_out} rows left out; the file has them ..."
            lines = (*lines[: 1 + _FIRST_ROWS], middle, *lines[-_LAST_ROWS:])
        for verdict in (one for one in (*self._judged, *self._played) if one != "pass"):
            lines = (*lines, *([""] if lines else []), *verdict.told)
        notes = [self._over_limit()] if self._limited.is_set() else []
        notes += [] if self._lost is None else [self._lost.text]
        for note in notes:
            lines = (*lines, *wrap(note, WIDTH, initial_indent="  ", subsequent_indent="  "))
        return history, "\n".join(lines)

    def close(self, *, judge: bool = True) -> History:
        """End every fault, stop listeners, undo the instrumentation; the whole history.

        With `judge` raises AssertionError for a fault that never fired and was in no block, and
        for a test that outlasted its limit; LabError if the place is gone. All is closed then too.
        """
        if self._evidence.final is not None:
            return self._evidence.final
        problem: AssertionError | LabError | None = None
        try:
            if self._timer is not None:
                self._timer.cancel()
            try:
                for armed in self._armed:
                    armed.clear()
                self._evidence.settle()
                if self._limited.is_set():
                    raise AssertionError(self._over_limit())
                for armed in self._armed:
                    if judge:
                        armed.demand_fired()
            except (AssertionError, LabError) as error:
                problem = error
                self._lost = error if isinstance(error, LabError) else None
            self._watch.closed()
        finally:
            self._watch.stop()
            self._channel.close()
            try:
                final = self._environment.close()
            except LabError as error:
                problem = problem or error
                final = self._environment.events()
            self._evidence.final = final
            if self._timer is not None:
                self._timer.join()
        if judge and problem is not None:
            raise problem
        return final

    def _known(self, service: str) -> None:
        named: object = service  # a test is not always type-checked
        known = [*self._declared, *(it for it in self._urls if it not in self._declared)]
        if named in known:
            return
        close = nearest(service, known) if isinstance(named, str) else None
        is_name = isinstance(named, str) and named != ""
        raise UsageError(
            f"{service!r} is not served in this test",
            expected=", ".join(known),
            nearest="" if close is None else close,
            mend=f'lab.serve("{service}", {{"GET /path": {{...}}}})' if is_name else "",
        )

    def _start(self, service: str, specification: Specification) -> None:
        self._open()
        demand_servable(self.env, service, specification)
        url = self._environment.serve(service, specification)
        self._urls[service] = url
        if isinstance(specification, Server):
            self._unledgered.add(service)
        self._watch.add(service, url)

    @override
    def _arm(self, faults: tuple[Fault, ...], unfired: Unfired, call: str) -> Armed:
        """Put these faults in force, all of them or none. Raises FaultError and UsageError."""
        if unfired not in ("fail", "ok"):
            raise UsageError(f"unfired={unfired!r}", expected='"fail" or "ok"')
        for fault in faults:
            self.url(fault.service)
            if fault.follows("open"):
                raise UsageError(
                    f'{fault.kind}: after="open" needs a contract that says when a breaker opens',
                    expected="a scenario file, which has one",
                )
        self._open()
        if len(faults) > 1:  # else one may have taken another's place before the next is refused
            self._environment.demand_fit(*faults)
        handles: list[Handle] = []
        try:
            for fault in faults:
                number = next(self._numbers)
                handles.append(self._environment.inject(number, fault, unfired=unfired))
        except BaseException:
            if handles:
                self._environment.clear(*(handle.number for handle in handles))
            raise
        armed = Armed(
            self._evidence, faults, tuple(handles), end=self._end, unfired=unfired, call=call
        )
        self._armed.append(armed)
        return armed

    def _end(self, numbers: tuple[int, ...]) -> None:
        if self._evidence.final is None:
            self._evidence.settle()  # the last connects in their time are their own
            self._environment.clear(*numbers)

    def _open(self) -> None:
        if self._evidence.final is not None:
            raise UsageError("this test is over, and its lab is closed")

    def _started_timer(self) -> threading.Timer:
        timer = threading.Timer(self._limit, self._take_away)
        timer.name = "faultlab-limit"
        timer.daemon = True
        timer.start()
        return timer

    def _over_limit(self) -> str:
        return (
            f"the test's limit of {self._limit:g} s passed: the lab reset its connections and "
            "refused new ones; a test that needs longer: pytest --faultlab-limit SECONDS"
        )

    @override
    def __repr__(self) -> str:
        return f"<Lab of {self.name}: {', '.join(self._urls) or 'nothing served yet'}>"

    def _take_away(self) -> None:
        """No connection lives on and none begins: a call that blocks returns, whatever it does."""
        self._limited.set()
        with suppress(LabError):  # the place is gone or closed, and its connections with it
            self._environment.reset()
            self._environment.clear()
            for service in tuple(self._urls):
                fault = Refused(service=service, live="reset")
                self._environment.inject(next(self._numbers), fault, unfired="ok")


def _on(service: str | None) -> str:
    return "" if service is None else f" on {service}"


def _of(operation: str | None) -> str:
    return "" if operation is None else f" of {operation}"
