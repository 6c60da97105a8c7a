"""The commands about stories: play them, judge them again, explain them, and their files' schema.

Commands import what they need when they run, so that `--help` is quick.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .guarded import guarded
from .options import SEEDS, Tune

if TYPE_CHECKING:
    from ...scenarios import Scenario
    from ..plan import NotOffered, Plan
    from ..results import Result
    from ..run import Session
    from ..subjects.given import Given

__all__ = ["explain", "judge", "planned_by", "run", "schema"]


@click.command()
@click.argument("scenario", nargs=-1)
@options.subject
@options.service
@options.contract
@options.environment
@options.proxy
@options.tune
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Draws of client and faults; printed, and needed to repeat a run. [default: random]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The run folder; new or empty. [default: .faultlab/runs/DATE-TIME]",
)
@options.report
@guarded
def run(
    scenario: tuple[str, ...],
    subject: str,
    services: tuple[str, ...],
    contract: str | None,
    environment: str,
    proxy: str,
    tune: Tune | None,
    seed: int | None,
    out: Path | None,
    report: tuple[str, ...],
) -> None:
    """Play scenarios and judge them.

    SCENARIO is a story of the catalog, a file or a folder; without one, the whole
    catalog is played. Each is played twice: without its faults (the baseline), then
    with them. The run folder keeps plan, histories and verdict of each.

    cmd:COMMAND starts a command for each operation; {NAME} in it is the URL of a
    service, one of `faultlab list services` or of --service. Its request can stand in
    front: cmd:POST /orders ./order.sh {orders}.
    """
    from ...scenarios import chosen
    from ..console import play, stdout
    from ..folders import run_folder, take_back
    from ..outputs import check, parse
    from ..report.forms import FORMS
    from ..subjects.given import read_given

    outputs = parse(report, tuple(FORMS))
    found = chosen(scenario)
    folder = run_folder(out)
    drawn = random.randrange(SEEDS) if seed is None else seed
    try:
        check(outputs)
        session, planned = planned_by(
            found,
            subject,
            read_given(services, contract),
            environment=environment,
            proxy=proxy,
            tune=tune,
            seed=drawn,
            out=folder,
        )
    except BaseException:
        take_back(folder, made=out is None)
        raise
    raise SystemExit(play(stdout(), session, planned, folder, outputs=outputs))


def planned_by(
    found: Sequence[Scenario],
    subject: str,
    given: Given,
    *,
    environment: str,
    tune: Tune | None,
    seed: int,
    out: Path,
    proxy: str = "embedded",
) -> tuple[Session, tuple[Plan | NotOffered, ...]]:
    """A session, not yet started, and the plans of these scenarios for its subject."""
    from ...scenarios import Problem, ScenarioError
    from ..checks import ALL
    from ..run import Session

    session = Session(
        subject,
        environment=environment,
        proxy=proxy,
        tune=tune,
        seed=seed,
        out=out,
        given=given,
        say=partial(click.echo, err=True),
    )
    slugs = {info.slug: info.id for info in ALL}
    promises = {info.id: info.promise for info in ALL}
    plans: list[Plan | NotOffered] = []
    problems: list[Problem] = []
    for one in found:
        try:
            plans.append(session.plan(one, slugs, promises))
        except ScenarioError as error:
            problems.extend(error.problems)
    if problems:
        raise ScenarioError(problems)
    return session, tuple(plans)


@click.command()
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.option("--write", is_flag=True, help="Replace the verdict.json of each scenario.")
@options.report
@guarded
def judge(run_folder: Path, report: tuple[str, ...], *, write: bool) -> None:
    """Judge a run folder again; every failure is shown whole.

    RUN_FOLDER is a run's, or that of one of its scenarios. It needs no network and
    starts nothing: plan, contract and histories are read, and give the same verdict.
    """
    from ..console import reported, stdout
    from ..errors import UsageError
    from ..outputs import check, parse
    from ..report.document import document, judged_again
    from ..report.forms import FORMS
    from ..report.summary import summary
    from ..report.terminal import heading, row
    from ..results import rejudge, save, stories
    from ..verdict import exit_code, worst

    outputs = parse(report, tuple(FORMS))
    check(outputs)
    results: list[Result] = []
    broken: dict[str, UsageError] = {}
    for folder in stories(run_folder):
        try:
            results.append(rejudge(folder))
        except UsageError as error:
            broken[folder.resolve().name] = error
    if not results:
        raise next(iter(broken.values()))
    writer = stdout()
    names = [result.name for result in results]
    writer.lines((f"faultlab {version('faultlab')}   judging {run_folder} again", ""))
    writer.line(heading(names))
    for result in results:
        writer.lines(row(result, names))
        if write:
            save(result)
    writer.lines(tuple(summary(results, folder=str(run_folder), seconds=None)))
    for one in broken.values():
        click.echo(f"{type(one).__name__}: {one}", err=True)
    verdict = worst(result.verdict for result in results)
    code = exit_code(worst([verdict, "error"]) if broken else verdict)
    made = document(
        judged_again(version("faultlab"), results, folder=str(run_folder)),
        results,
        unread=[(name, str(error)) for name, error in broken.items()],
        seconds=None,
        exit_code=code,
    )
    if reported(outputs, made) and code == 0:
        code = exit_code("error")
    raise SystemExit(code)


@click.command()
@click.argument("scenario")
@options.subject
@options.service
@options.contract
@options.environment
@options.proxy
@options.tune
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", show_default=True)
@options.as_json
@guarded
def explain(
    scenario: str,
    subject: str,
    services: tuple[str, ...],
    contract: str | None,
    environment: str,
    proxy: str,
    tune: Tune | None,
    seed: int,
    *,
    as_json: bool,
) -> None:
    """Show what a scenario means for a subject, without playing it.

    Operations with their ids, what is expected of each, attempts and waits as the
    contract demands them, and the checks that a run of it must exercise. --json has
    all of the plan and of the contract, for programs.
    """
    from ...scenarios import chosen
    from ..console import stdout
    from ..folders import scratch
    from ..plan import NotOffered
    from ..report import explain as told
    from ..report.terminal import not_offered
    from ..subjects.given import read_given

    writer = stdout()
    with scratch() as out:
        session, planned = planned_by(
            chosen((scenario,)),
            subject,
            read_given(services, contract),
            environment=environment,
            proxy=proxy,
            tune=tune,
            seed=seed,
            out=out,
        )
    if as_json:
        everything = [
            plan.model_dump(mode="json")
            if isinstance(plan, NotOffered)
            else told.as_json(plan, session.contract_for(plan.tune))
            for plan in planned
        ]
        click.echo(json.dumps(everything, indent=2))
        return
    for number, plan in enumerate(planned):
        if number:
            writer.line()
        if isinstance(plan, NotOffered):
            writer.lines((f"{plan.scenario}: {plan.title}", f"subject {session.subject}", ""))
            writer.lines(not_offered(plan, [plan.scenario]))
        else:
            writer.lines(told.explained(plan, session.contract_for(plan.tune)))


@click.command()
@guarded
def schema() -> None:
    """Print the JSON Schema of a scenario file, for editors.

    \b
    faultlab schema > scenario.schema.json
    and as the first line of a scenario, for editors with a YAML language server:
    # yaml-language-server: $schema=scenario.schema.json

    The schema says what each key takes. What stands in relation, and whether a
    subject offers it, `faultlab explain` says.
    """
    from ...scenarios.schema import text

    click.echo(text(), nl=False)
