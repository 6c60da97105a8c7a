"""Plays in virtual time, in this very process: what starting one each time would cost is left out."""

from __future__ import annotations

import threading
from pathlib import Path

from faultlab.lab.history import load
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result
from faultlab.lab.run import Session
from faultlab.lab.simulation.inside import simulate
from faultlab.lab.subjects.commands import Simulate
from faultlab.lab.subjects.load import load as load_subject
from faultlab.lab.subjects.load import read_spec

__all__ = ["simulated"]


def simulated(planning: Session, story: Plan, subject: str, folder: Path) -> Result:
    """The baseline and the armed play of a story, not judged; their histories are in `folder`."""
    contract = planning.contract_for(story.tune)
    spec = read_spec(subject)
    client = load_subject(spec)
    for kind, plan in (("baseline", story.disarmed()), ("armed", story)):
        wanted = Simulate(
            plan=plan.model_dump_json().encode(),
            kind="baseline" if kind == "baseline" else "armed",
            contract=contract.model_dump_json().encode(),
            services=planning.served(story),
            subject=subject,
            path=str(folder / f"{kind}.jsonl"),
        )
        simulate(spec, client, wanted, threads=threading.enumerate())
    return Result(
        name=story.scenario,
        plan=story,
        contract=contract,
        armed=load(folder / "armed.jsonl"),
        baseline=load(folder / "baseline.jsonl"),
        judgement=None,
        seconds=0.0,
        error=None,
        folder=folder,
    )
