"""The teeth in virtual time: each planted client that can be simulated fails its story by its bug."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest

from faultlab.fixtures.planted import BUGS
from faultlab.lab.checks import ALL
from faultlab.lab.errors import SetupError
from faultlab.lab.history import load
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result, judged
from faultlab.lab.run import Session
from faultlab.lab.simulation.inside import simulate
from faultlab.lab.subjects.commands import Simulate
from faultlab.lab.subjects.load import load as load_subject
from faultlab.lab.subjects.load import read_spec
from faultlab.scenarios import catalog

pytestmark = pytest.mark.slow

Tune = Literal["none", "fast"]

SLUGS = {info.slug: info.id for info in ALL}
PROMISES = {info.id: info.promise for info in ALL}
HURRIED = {"deadline-per-attempt"}
"""Those whose story reaches their bug with short times only: no server asks for waits that long."""
BLOCKS = {"leaks-threads": "thread start"}
"""Those whose bug is to wait for real, and by what they are told then."""


@pytest.fixture(scope="module")
def plannings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Tune, Session]:
    """The reference client, of which they are planted copies, by tune."""
    out = tmp_path_factory.mktemp("planning")
    return {
        tune: Session("maximus", environment="simulated", tune=tune, seed=7, out=out)
        for tune in ("none", "fast")
    }


def played(plannings: Mapping[Tune, Session], name: str, folder: Path) -> Result:
    """A planted client in its story, in this process."""
    planning = plannings["fast" if name in HURRIED else "none"]
    story = planning.plan(catalog()[BUGS[name].story], SLUGS, PROMISES)
    assert isinstance(story, Plan)
    contract = planning.contract_for(story.tune)
    spec = read_spec(f"planted:{name}")
    subject = load_subject(spec)
    for kind, plan in (("baseline", story.disarmed()), ("armed", story)):
        wanted = Simulate(
            plan=plan.model_dump_json().encode(),
            kind="baseline" if kind == "baseline" else "armed",
            contract=contract.model_dump_json().encode(),
            services=planning.served(story),
            subject=name,
            path=str(folder / f"{kind}.jsonl"),
        )
        simulate(spec, subject, wanted, threads=threading.enumerate())
    return judged(
        Result(
            name=name,
            plan=story,
            contract=contract,
            armed=load(folder / "armed.jsonl"),
            baseline=load(folder / "baseline.jsonl"),
            judgement=None,
            seconds=0.0,
            error=None,
            folder=folder,
        )
    )


@pytest.mark.parametrize("name", [name for name in BUGS if name not in BLOCKS])
def test_a_planted_client_fails_by_its_bug(
    plannings: Mapping[Tune, Session], name: str, tmp_path: Path
) -> None:
    """With the true constants, and no check fails where nothing is broken."""
    judgement = played(plannings, name, tmp_path).judgement
    assert judgement is not None
    assert [found.check for found in judgement.baseline if found.outcome == "fail"] == []
    (found,) = (one for one in judgement.findings if one.check == BUGS[name].check)
    assert (found.outcome, found.missing) == ("fail", "")


@pytest.mark.parametrize("name", BLOCKS)
def test_a_client_that_waits_for_real_is_told_so(
    plannings: Mapping[Tune, Session], name: str, tmp_path: Path
) -> None:
    """And never judged: it may do right where time is real."""
    with pytest.raises(SetupError, match="blocks for real, so simulated can't run it") as told:
        played(plannings, name, tmp_path)
    assert BLOCKS[name] in told.value.rows["call"]
