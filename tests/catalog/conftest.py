"""The catalog on correct clients, and planted clients in their stories: planned, played, judged.

Stories mostly wait, so that all of them that the collected tests ask for are played side by side.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from faultlab.fixtures.planted import BUGS
from faultlab.fixtures.planted.bug import Described
from faultlab.fixtures.sync.planted import BUGS as SYNC_BUGS
from faultlab.lab.checks import ALL
from faultlab.lab.plan import Plan
from faultlab.lab.report.score import Score, Trial, lines
from faultlab.lab.results import Result, judged
from faultlab.lab.run import Session
from faultlab.scenarios import catalog

from ..documents import README, shown_file

SEED = 7
AGAIN = "5xx"  # played twice on the reference client, side by side with itself
AT_ONCE = 8  # stories

# Judged by how waits are spread, which a crowded machine blurs: played when the others are over.
SPREAD = {f"planted:{bug.name}" for bug in BUGS.values() if bug.check in ("C21", "C22")}

SLUGS = {info.slug: info.id for info in ALL}
PROMISES = {info.id: info.promise for info in ALL}
SCORE = pytest.StashKey[Score]()

Play = Callable[[Path, Iterable[Plan]], dict[str, Result]]
Played = Mapping[str, Mapping[str, Result]]  # by subject and story
Part = tuple[Session, Plan]


def session(out: Path, subject: str = "maximus") -> Session:
    """A client in `embedded`, with the catalog's own tune."""
    return Session(subject, environment="embedded", tune=None, seed=SEED, out=out)


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plan]:
    """The stories, planned for the reference client."""
    with session(tmp_path_factory.mktemp("plans")) as planning:
        return planned(planning)


@pytest.fixture(scope="session")
def play() -> Play:
    """Plays plans on the reference client side by side; their results by name, judged."""

    def played(out: Path, plans: Iterable[Plan]) -> dict[str, Result]:
        results: dict[str, Result] = {}
        stories = list(plans)
        with session(out) as playing:
            playing.play(
                stories,
                ended=lambda result: results.update({result.name: judged(result)}),
                jobs=len(stories),
            )
        return results

    return played


# --- everything side by side ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the collected tests need played, by the names of their fixtures."""

    fixtures: frozenset[str]

    def on(self, *names: str) -> bool:
        """Whether any test has one of these fixtures."""
        return not self.fixtures.isdisjoint(names)


@pytest.fixture(scope="session")
def plays(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Every play that a collected test needs."""
    wanted = Wanted(
        frozenset(
            name for item in request.session.items for name in getattr(item, "fixturenames", ())
        )
    )
    out = tmp_path_factory.mktemp("plays")
    results: dict[str, dict[str, Result]] = defaultdict(dict)

    def one(part: Part) -> None:
        playing, story = part
        playing.play(
            [story],
            ended=lambda it: results[playing.subject].update({it.name: judged(it)}),
            jobs=1,
        )

    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(_parts(wanted, out, stack))
        spread = [part for part in parts if part[0].subject in SPREAD]
        for group in ([part for part in parts if part not in spread], spread):
            for _ in pool.map(one, group):
                pass
    return results


def _parts(wanted: Wanted, out: Path, stack: ExitStack) -> Iterator[Part]:
    """First what must end as its tables say, then what takes long, then the rest."""
    if wanted.on("on_maximus", "planted"):
        maximus = stack.enter_context(started(session(out / "maximus")))
    if wanted.on("on_sync", "planted"):
        sync = stack.enter_context(started(session(out / "sync", "sync")))
    if wanted.on("on_maximus"):
        stories = planned(maximus)
        again = stories[AGAIN].model_copy(update={"scenario": "again"})
        yield from ((maximus, story) for story in (*stories.values(), again))
    if wanted.on("on_httpx"):
        own = session(out / "httpx", f"{_readme_s_own(out)}:plain")
        httpx = stack.enter_context(started(own))
        yield from ((httpx, story) for story in planned(httpx).values())
    if wanted.on("on_sync"):
        yield from ((sync, story) for story in planned(sync).values())
    if wanted.on("planted"):
        yield from spoiled(maximus, BUGS)
        yield from spoiled(sync, SYNC_BUGS)


def started(playing: Session) -> Session:
    """The same with its lab process, which is there for several threads then."""
    playing.play([], ended=lambda _: None, jobs=1)
    return playing


def _readme_s_own(out: Path) -> Path:
    """The README's client as a file."""
    file = out / "orders_lab.py"
    file.write_text(shown_file(README, file.name), "utf-8")
    return file


def planned(planning: Session) -> dict[str, Plan]:
    """What the client is offered of the catalog."""
    plans = {name: planning.plan(it, SLUGS, PROMISES) for name, it in catalog().items()}
    return {name: plan for name, plan in plans.items() if isinstance(plan, Plan)}


def spoiled(correct: Session, bugs: Mapping[str, Described]) -> Iterator[Part]:
    """Each bug in its story, in the lab process of the correct client.

    It declares what that one declares: to ask each of them would start a process more.
    """
    stories = catalog()
    for bug in bugs.values():
        client = copy.copy(correct)
        client.spec = client.subject = f"planted:{bug.name}"
        client.out = correct.out.parent / bug.name
        plan = client.plan(stories[bug.story], SLUGS, PROMISES)
        assert isinstance(plan, Plan), f"{bug.story} is not offered to {bug.name}"
        yield client, plan


@pytest.fixture(scope="session")
def on_maximus(plays: Played) -> Mapping[str, Result]:
    """The catalog on the reference client, and one story a second time, as `again`."""
    return plays["maximus"]


@pytest.fixture(scope="session")
def on_sync(plays: Played) -> Mapping[str, Result]:
    """The catalog on the synchronous client."""
    return plays["sync"]


@pytest.fixture(scope="session")
def on_httpx(plays: Played) -> Mapping[str, Result]:
    """The catalog on the README's own client, plain httpx."""
    (found,) = [results for subject, results in plays.items() if subject.endswith(":plain")]
    return found


@pytest.fixture(scope="session")
def planted(plays: Played) -> Mapping[str, Result]:
    """Each planted client in its story, by its bug."""
    return {
        subject.removeprefix("planted:"): result
        for subject, results in plays.items()
        if subject.startswith("planted:")
        for result in results.values()
    }


@pytest.fixture(scope="session")
def against() -> Callable[[Result], list[str]]:
    """Tells what speaks against a play's passing, to be read in a message."""

    def told(result: Result) -> list[str]:
        if result.judgement is None:
            return [str(result.error)]
        shown = result.judgement.shown
        return [f"{it.check} {it.outcome}: {it.seen} {it.missing}" for it in shown]

    return told


# --- the score -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def score(
    request: pytest.FixtureRequest,
    on_maximus: Mapping[str, Result],
    on_sync: Mapping[str, Result],
    on_httpx: Mapping[str, Result],
    planted: Mapping[str, Result],
) -> Score:
    """What was found, and what was said of clients without a bug."""
    trials = [
        Trial(
            bug=bug.name,
            client=client,
            family=bug.family,
            story=bug.story,
            check=bug.check,
            judgement=planted[bug.name].judgement,
        )
        for client, bugs in (("maximus", BUGS), ("sync", SYNC_BUGS))
        for bug in bugs.values()
    ]
    correct = {"maximus": on_maximus, "sync": on_sync, "httpx": on_httpx}
    found = Score(
        trials,
        {
            (client, story): result.judgement
            for client, results in correct.items()
            for story, result in results.items()
            if result.judgement is not None
        },
    )
    request.config.stash[SCORE] = found
    return found


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the score where it was measured."""
    found = config.stash.get(SCORE, None)
    if found is not None:
        terminalreporter.section("planted bugs found by their checks")
        for line in lines(found):
            terminalreporter.line(line)
