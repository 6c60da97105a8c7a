"""The commands that show what there is, for people and, with --json, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from . import options
from .guarded import guarded
from .options import ENVIRONMENTS
from .stories import planned_by

if TYPE_CHECKING:
    from ..report.listing import Record

__all__ = ["list_"]


@click.group("list")
def list_() -> None:
    """Show what there is."""


@list_.command("scenarios")
@click.option("--subject", metavar="S", help="Show for each whether this subject offers it.")
@options.as_json
@guarded
def list_scenarios(subject: str | None, *, as_json: bool) -> None:
    """The catalog of scenarios."""
    from ...scenarios import catalog
    from ..folders import scratch
    from ..plan import NotOffered
    from ..report.listing import scenarios
    from ..subjects.given import Given

    found = tuple(catalog().values())
    offered: dict[str, tuple[str, ...]] | None = None
    columns = ["name", "title"]
    if subject is not None:
        with scratch() as out:
            _, planned = planned_by(
                found, subject, Given(), environment=ENVIRONMENTS[0], tune=None, seed=0, out=out
            )
        offered = {
            plan.scenario: plan.reasons if isinstance(plan, NotOffered) else () for plan in planned
        }
        columns = ["name", "offered", "title"]
    _list(scenarios(found, offered), columns, as_json=as_json)


@list_.command("faults")
@options.as_json
@guarded
def list_faults(*, as_json: bool) -> None:
    """The kinds of faults: what happens, what to write, what a client sees.

    Parameters are written as in a scenario file; in Python durations are seconds.
    """
    from ..console import stdout
    from ..environments import ENVIRONMENTS
    from ..report import kinds

    found = kinds.kinds(ENVIRONMENTS)
    if as_json:
        click.echo(json.dumps(kinds.as_json(found), indent=2))
        return
    stdout().lines((*kinds.as_text(found), "", *kinds.composition()))


@list_.command("checks")
@options.as_json
@guarded
def list_checks(*, as_json: bool) -> None:
    """The checks: what each claims of a client."""
    from ..report.listing import checks

    _list(checks(), ["id", "slug", "claim"], as_json=as_json)


@list_.command("subjects")
@options.as_json
@guarded
def list_subjects(*, as_json: bool) -> None:
    """The subjects that come with the lab; your own is FILE.py:NAME or package.module:NAME."""
    from ..report.listing import subjects
    from ..subjects.builtin import named

    _list(subjects(named()), ["name", "text"], as_json=as_json)


@list_.command("services")
@options.as_json
@guarded
def list_services(*, as_json: bool) -> None:
    """The built-in services: port, operations, presets and paces of their stubs.

    The port is the one of the field. The operations' names are told by --json.
    """
    from ..console import stdout
    from ..report.listing import counted, presets, services, subjects, table
    from ..stubs import described, paces

    found = services(described(), paces())
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    writer = stdout()
    writer.lines(table(counted(found), ["name", "port", "operations", "presets"]))
    writer.lines(("", "presets:", *table(presets(found), ["name", "services", "text"])))
    writer.lines(("", "paces:", *table(subjects(paces()), ["name", "text"])))


def _list(records: Sequence[Record], columns: Sequence[str], *, as_json: bool) -> None:
    from ..console import stdout
    from ..report.listing import table

    if as_json:
        click.echo(json.dumps(records, indent=2))
        return
    stdout().lines(table(records, columns))
