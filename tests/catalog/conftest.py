"""The catalog on the reference client: planned, played side by side, judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from faultlab.lab.checks import ALL
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result, judged
from faultlab.lab.run import Session
from faultlab.scenarios import catalog

SEED = 7

Play = Callable[[Path, Iterable[Plan]], dict[str, Result]]


def session(out: Path) -> Session:
    """The reference client in `embedded`, with the catalog's own tune."""
    return Session("maximus", environment="embedded", tune=None, seed=SEED, out=out)


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plan]:
    """The six stories, planned."""
    slugs = {info.slug: info.id for info in ALL}
    promises = {info.id: info.promise for info in ALL}
    found = {}
    with session(tmp_path_factory.mktemp("plans")) as planning:
        for name, scenario in catalog().items():
            plan = planning.plan(scenario, slugs, promises)
            assert isinstance(plan, Plan)
            found[name] = plan
    return found


@pytest.fixture(scope="session")
def play() -> Play:
    """Plays plans side by side in one lab process; their results by name, judged."""

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
