"""The teeth in virtual time: each planted client that can be simulated fails its story by its bug."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest

from faultlab.fixtures.planted import BUGS
from faultlab.lab.checks import ALL
from faultlab.lab.errors import SetupError
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result, judged
from faultlab.lab.run import Session
from faultlab.scenarios import catalog

from .here import simulated

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
    return judged(simulated(planning, story, f"planted:{name}", folder))


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
