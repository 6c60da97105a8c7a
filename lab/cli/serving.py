"""The commands that serve in the foreground until Ctrl-C: a proxy, and stubs."""

from __future__ import annotations

import random
import time
from typing import IO

import click

from .guarded import guarded
from .options import SEEDS

__all__ = ["proxy", "stubs"]


@click.command()
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
@guarded
def proxy(
    host: str, port: int, config: IO[bytes] | None, seed: int | None, *, strict_compat: bool
) -> None:
    """Serve Toxiproxy's control API, alone and in the foreground.

    Any Toxiproxy client can drive it. A line is printed for each connection, each
    toxic added or removed, and each connection that a toxic first hits. Ctrl-C ends it.

    A proxy whose address has no host listens where the API does: on loopback, unless
    --host or the address itself says otherwise.
    """
    from ..console import stdout
    from ..toxiproxy.alone import serve

    writer = stdout()
    began = time.monotonic()
    serve(
        host,
        port,
        None if config is None else config.read(),
        seed=random.randrange(SEEDS) if seed is None else seed,
        strict=strict_compat,
        say=lambda text: writer.line(f"{time.monotonic() - began:9.3f}  {text}"),
    )


@click.command()
@click.argument("service", nargs=-1)
@click.option("--host", default="127.0.0.1", metavar="H", show_default=True)
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
@guarded
def stubs(
    service: tuple[str, ...],
    host: str,
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
    loopback unless --host says otherwise. A line is printed for each request, each
    effect and each answer, with the connection and the request's number in it. Ctrl-C
    ends it.
    """
    from ..console import stdout
    from ..stubs import choose, serve

    chosen = choose(
        service,
        host=host,
        own_ports=own_ports,
        ports=ports,
        presets=presets,
        pace=pace,
        seed=random.randrange(SEEDS) if seed is None else seed,
        honours_idempotency_key=honours_idempotency_key,
    )
    serve(chosen, as_json=as_json, say=stdout().line)
