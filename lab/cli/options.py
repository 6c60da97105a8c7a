"""The options that several commands have, each written once."""

from __future__ import annotations

from typing import Literal, TypeAlias

import click

__all__ = [
    "ENVIRONMENTS",
    "PROXIES",
    "SEEDS",
    "Tune",
    "as_json",
    "contract",
    "environment",
    "proxy",
    "report",
    "service",
    "subject",
    "tune",
]

ENVIRONMENTS = (
    "embedded",
    "docker",
    "simulated",
)  # as lab/environments has them; a test holds the two together
PROXIES = ("embedded", "toxiproxy")  # these, too
SEEDS = 1_000_000
"""Seeds that are drawn are below it: short enough to be typed again."""

Tune: TypeAlias = Literal["fast", "none"]

subject = click.option(
    "--subject",
    default="maximus",
    show_default=True,
    metavar="S",
    help="The client under test: maximus, sync, planted:NAME, FILE.py:NAME, package.module:NAME, "
    "or cmd:COMMAND.",
)
service = click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME=WHO",
    help="Who serves one of its services: a URL, 'cmd:COMMAND {port}', image:NAME:TAG@PORT, an "
    "OpenAPI file, a built-in stub, or routes or words as JSON; repeatable.",
)
contract = click.option(
    "--contract",
    metavar="C",
    help="What the client promises: httpx, maximus or a YAML file. [default: as the subject says]",
)
environment = click.option(
    "--env",
    "environment",
    type=click.Choice(ENVIRONMENTS),
    default=ENVIRONMENTS[0],
    show_default=True,
    help="Where scenarios are played: on this machine's loopback, or in containers. With "
    "FAULTLAB_BACKENDS=one a single container serves all stubs, and they are ready sooner.",
)
proxy = click.option(
    "--proxy",
    type=click.Choice(PROXIES),
    default=PROXIES[0],
    show_default=True,
    help="What stands before the services: the lab's own proxy, or a real Toxiproxy before it, "
    "found on PATH as toxiproxy-server or by FAULTLAB_TOXIPROXY.",
)
tune = click.option(
    "--tune",
    type=click.Choice(("fast", "none")),
    help="Time constants of client and contract: fast, or none for the contract's own. "
    "[default: as the scenario says, else fast]",
)
report = click.option(
    "--report",
    multiple=True,
    metavar="FORM:PATH",
    help="Also write a report: json, junit (XML) or markdown (for a job's summary); repeatable.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")
