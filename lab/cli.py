"""The command line, `faultlab`: one lazy command per verb.

Counterpart: `lab.pytest_plugin`, the other way in. Commands import what they need when they run,
so that `--help` is quick. Options are parsed here; lab/console.py plays and shows.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, ParamSpec

import click

if TYPE_CHECKING:
    from ..scenarios import Scenario
    from .plan import NotOffered, Plan
    from .report.listing import Record
    from .results import Result
    from .run import Session
    from .subjects.given import Given

__all__ = ["main"]

P = ParamSpec("P")

_ENVIRONMENTS = ("embedded",)  # as lab/environments has them; a test holds the two together
_SEEDS = 1_000_000


def _fail(text: str, code: int) -> SystemExit:
    click.echo(f"{text} (exit {code})", err=True)
    return SystemExit(code)


def _guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command with each error as a message to whoever can mend it, and its exit code."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        from .interrupts import said, terminable

        try:
            with terminable():
                _addressed(lambda: command(*args, **kwargs))
        except KeyboardInterrupt as error:
            how, code = said(error)
            raise _fail(f"{how}; everything is closed", code) from None

    return guarded


def _addressed(command: Callable[[], None]) -> None:
    from ..scenarios import ScenarioError
    from .contract import ContractError
    from .errors import LabError, UsageError

    try:
        command()
    except ScenarioError as error:
        click.echo(str(error), err=True)
        click.echo(error.summary(), err=True)
        raise SystemExit(2) from None
    except UsageError as error:
        raise _fail(f"{type(error).__name__}: {error}", 2) from None
    except (LabError, ContractError) as error:
        raise _fail(f"{type(error).__name__}: {error}", 3) from None


# --- commands ------------------------------------------------------------------------------------


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(package_name="faultlab", message="faultlab %(version)s")
def main() -> None:
    """Does this client survive its backends failing?

    A fault proxy stands between a client (the subject) and its backends, breaks
    things as a scenario says, and judges what the wire shows by what the client
    promises (its contract).

    \b
    faultlab run                  the whole catalog on the reference client
    faultlab run down             one scenario, by name, file or folder
    faultlab run --subject orders_lab.py:orders
                                  your own client
    faultlab run --subject 'cmd:curl -sf --retry 2 {core}/health'
                                  a command, in any language

    Exit codes: 0 pass; 1 fail; 2 the scenario or the command line is wrong;
    3 unknown, error, set-up or nothing offered; 130 Ctrl-C; 143 SIGTERM.
    """


_subject = click.option(
    "--subject",
    default="maximus",
    show_default=True,
    metavar="S",
    help="The client under test: maximus, sync, planted:NAME, FILE.py:NAME, package.module:NAME, "
    "or cmd:COMMAND.",
)
_service = click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME=WHO",
    help="Who serves one of its services: a URL, an OpenAPI file, a built-in stub, or routes as "
    "JSON; repeatable.",
)
_contract = click.option(
    "--contract",
    metavar="C",
    help="What the client promises: httpx, maximus or a YAML file. [default: as the subject says]",
)
_environment = click.option(
    "--env",
    "environment",
    type=click.Choice(_ENVIRONMENTS),
    default=_ENVIRONMENTS[0],
    show_default=True,
    help="Where scenarios are played.",
)
_tune = click.option(
    "--tune",
    type=click.Choice(("fast", "none")),
    help="Time constants of client and contract: fast, or none for the contract's own. "
    "[default: as the scenario says, else fast]",
)
_report = click.option(
    "--report",
    multiple=True,
    metavar="FORM:PATH",
    help="Also write a report: json, junit (XML) or markdown (for a job's summary); repeatable.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")
_Tune = Literal["fast", "none"]


@main.command()
@click.argument("scenario", nargs=-1)
@_subject
@_service
@_contract
@_environment
@_tune
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
@_report
@_guarded
def run(
    scenario: tuple[str, ...],
    subject: str,
    services: tuple[str, ...],
    contract: str | None,
    environment: str,
    tune: _Tune | None,
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
    from ..scenarios import chosen
    from .console import play, stdout
    from .folders import run_folder, take_back
    from .outputs import check, parse
    from .report.forms import FORMS
    from .subjects.given import read_given

    outputs = parse(report, tuple(FORMS))
    found = chosen(scenario)
    folder = run_folder(out)
    drawn = random.randrange(_SEEDS) if seed is None else seed
    try:
        check(outputs)
        session, planned = _planned(
            found,
            subject,
            read_given(services, contract),
            environment=environment,
            tune=tune,
            seed=drawn,
            out=folder,
        )
    except BaseException:
        take_back(folder, made=out is None)
        raise
    raise SystemExit(play(stdout(), session, planned, folder, outputs=outputs))


def _planned(
    found: Sequence[Scenario],
    subject: str,
    given: Given,
    *,
    environment: str,
    tune: _Tune | None,
    seed: int,
    out: Path,
) -> tuple[Session, tuple[Plan | NotOffered, ...]]:
    """A session, not yet started, and the plans of these scenarios for its subject."""
    from ..scenarios import Problem, ScenarioError
    from .checks import ALL
    from .run import Session

    session = Session(subject, environment=environment, tune=tune, seed=seed, out=out, given=given)
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


@main.command()
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.option("--write", is_flag=True, help="Replace the verdict.json of each scenario.")
@_report
@_guarded
def judge(run_folder: Path, report: tuple[str, ...], *, write: bool) -> None:
    """Judge a run folder again; every failure is shown whole.

    RUN_FOLDER is a run's, or that of one of its scenarios. It needs no network and
    starts nothing: plan, contract and histories are read, and give the same verdict.
    """
    from .console import reported, stdout
    from .errors import UsageError
    from .outputs import check, parse
    from .report.document import document, judged_again
    from .report.forms import FORMS
    from .report.summary import summary
    from .report.terminal import heading, row
    from .results import rejudge, save, stories
    from .verdict import exit_code, worst

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


@main.command()
@click.argument("scenario")
@_subject
@_service
@_contract
@_environment
@_tune
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", show_default=True)
@_as_json
@_guarded
def explain(
    scenario: str,
    subject: str,
    services: tuple[str, ...],
    contract: str | None,
    environment: str,
    tune: _Tune | None,
    seed: int,
    *,
    as_json: bool,
) -> None:
    """Show what a scenario means for a subject, without playing it.

    Operations with their ids, what is expected of each, attempts and waits as the
    contract demands them, and the checks that a run of it must exercise. --json has
    all of the plan and of the contract, for programs.
    """
    from ..scenarios import chosen
    from .console import stdout
    from .folders import scratch
    from .plan import NotOffered
    from .report import explain as told
    from .report.terminal import not_offered
    from .subjects.given import read_given

    writer = stdout()
    with scratch() as out:
        session, planned = _planned(
            chosen((scenario,)),
            subject,
            read_given(services, contract),
            environment=environment,
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


@main.command("schema")
@_guarded
def schema_() -> None:
    """Print the JSON Schema of a scenario file, for editors.

    \b
    faultlab schema > scenario.schema.json
    and as the first line of a scenario, for editors with a YAML language server:
    # yaml-language-server: $schema=scenario.schema.json

    The schema says what each key takes. What stands in relation, and whether a
    subject offers it, `faultlab explain` says.
    """
    from ..scenarios.schema import text

    click.echo(text(), nl=False)


@main.command()
@click.option("--host", default="127.0.0.1", metavar="H", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8474, metavar="N", show_default=True)
@click.option(
    "--config",
    type=click.File("rb"),
    metavar="FILE",
    help="A JSON list of proxies to begin with, as for POST /populate; `toxics` included.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Draws of toxicity, jitter and sizes; printed. [default: random]",
)
@click.option(
    "--strict-compat",
    is_flag=True,
    help="As Toxiproxy 2.12 where the lab does better: half-closes and resets aren't "
    "relayed, any attribute value is taken, an empty host is every address, a port that is "
    "taken is a 500.",
)
@_guarded
def proxy(
    host: str, port: int, config: IO[bytes] | None, seed: int | None, *, strict_compat: bool
) -> None:
    """Serve Toxiproxy's control API, alone and in the foreground.

    Any Toxiproxy client can drive it. A line is printed for each connection, each
    toxic added or removed, and each connection that a toxic first hits. Ctrl-C ends it.

    A proxy whose address has no host listens where the API does: on loopback, unless
    --host or the address itself says otherwise.
    """
    from .console import stdout
    from .toxiproxy.alone import serve

    writer = stdout()
    began = time.monotonic()
    serve(
        host,
        port,
        None if config is None else config.read(),
        seed=random.randrange(_SEEDS) if seed is None else seed,
        strict=strict_compat,
        say=lambda text: writer.line(f"{time.monotonic() - began:9.3f}  {text}"),
    )


@main.command()
@click.argument("service", nargs=-1)
@click.option(
    "--own-ports",
    is_flag=True,
    help="The ports of the field (`faultlab list services`), not ones of the system's choosing.",
)
@click.option(
    "--port", "ports", multiple=True, metavar="SERVICE=N", help="The port of one service."
)
@click.option(
    "--preset",
    "presets",
    multiple=True,
    metavar="SERVICE=NAME",
    help="Give a service one of the field's defects; may be repeated.",
)
@click.option(
    "--pace", metavar="NAME", help="Answer as slowly as the services do: measured, loaded."
)
@click.option(
    "--honours-idempotency-key",
    is_flag=True,
    help="Answer the second request with a key as the first, without a second effect.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Draws of --pace; printed. [default: random]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_guarded
def stubs(
    service: tuple[str, ...],
    ports: tuple[str, ...],
    presets: tuple[str, ...],
    pace: str | None,
    seed: int | None,
    *,
    own_ports: bool,
    honours_idempotency_key: bool,
    as_json: bool,
) -> None:
    """Serve stubs of MAXIMUS, alone and in the foreground.

    SERVICE is one of `faultlab list services`; without one, all eight are served, on
    loopback. A line is printed for each request, each effect and each answer, with the
    connection and the request's number in it. Ctrl-C ends it.
    """
    from .console import stdout
    from .stubs import choose, serve

    chosen = choose(
        service,
        own_ports=own_ports,
        ports=ports,
        presets=presets,
        pace=pace,
        seed=random.randrange(_SEEDS) if seed is None else seed,
        honours_idempotency_key=honours_idempotency_key,
    )
    serve(chosen, as_json=as_json, say=stdout().line)


@main.group("list")
def list_() -> None:
    """Show what there is."""


@list_.command("scenarios")
@click.option("--subject", metavar="S", help="Show for each whether this subject offers it.")
@_as_json
@_guarded
def list_scenarios(subject: str | None, *, as_json: bool) -> None:
    """The catalog of scenarios."""
    from ..scenarios import catalog
    from .folders import scratch
    from .plan import NotOffered
    from .report.listing import scenarios
    from .subjects.given import Given

    found = tuple(catalog().values())
    offered: dict[str, tuple[str, ...]] | None = None
    columns = ["name", "title"]
    if subject is not None:
        with scratch() as out:
            _, planned = _planned(
                found, subject, Given(), environment=_ENVIRONMENTS[0], tune=None, seed=0, out=out
            )
        offered = {
            plan.scenario: plan.reasons if isinstance(plan, NotOffered) else () for plan in planned
        }
        columns = ["name", "offered", "title"]
    _list(scenarios(found, offered), columns, as_json=as_json)


@list_.command("faults")
@_as_json
@_guarded
def list_faults(*, as_json: bool) -> None:
    """The kinds of faults: what happens, what to write, what a client sees.

    Parameters are written as in a scenario file; in Python durations are seconds.
    """
    from .console import stdout
    from .environments import ENVIRONMENTS
    from .report import kinds

    found = kinds.kinds(ENVIRONMENTS)
    if as_json:
        click.echo(json.dumps(kinds.as_json(found), indent=2))
        return
    stdout().lines((*kinds.as_text(found), "", *kinds.composition()))


@list_.command("checks")
@_as_json
@_guarded
def list_checks(*, as_json: bool) -> None:
    """The checks: what each claims of a client."""
    from .report.listing import checks

    _list(checks(), ["id", "slug", "claim"], as_json=as_json)


@list_.command("subjects")
@_as_json
@_guarded
def list_subjects(*, as_json: bool) -> None:
    """The subjects that come with the lab; your own is FILE.py:NAME or package.module:NAME."""
    from .report.listing import subjects
    from .subjects.builtin import named

    _list(subjects(named()), ["name", "text"], as_json=as_json)


@list_.command("services")
@_as_json
@_guarded
def list_services(*, as_json: bool) -> None:
    """The built-in services: port, operations, presets and paces of their stubs.

    The port is the one of the field. The operations' names are told by --json.
    """
    from .console import stdout
    from .report.listing import counted, presets, services, subjects, table
    from .stubs import described, paces

    found = services(described(), paces())
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    writer = stdout()
    writer.lines(table(counted(found), ["name", "port", "operations", "presets"]))
    writer.lines(("", "presets:", *table(presets(found), ["name", "services", "text"])))
    writer.lines(("", "paces:", *table(subjects(paces()), ["name", "text"])))


def _list(records: Sequence[Record], columns: Sequence[str], *, as_json: bool) -> None:
    from .console import stdout
    from .report.listing import table

    if as_json:
        click.echo(json.dumps(records, indent=2))
        return
    stdout().lines(table(records, columns))
