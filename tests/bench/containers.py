"""What containers cost beside processes on loopback: start-up, a scenario, and the clean-up.

The same in both environments, in turns.
"""

from __future__ import annotations

import socket
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx

from faultlab.lab.backends.specification import parse
from faultlab.lab.checks import ALL
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.environments.start import start
from faultlab.lab.errors import SetupError
from faultlab.lab.history import Header
from faultlab.lab.plan import Plan
from faultlab.lab.run import Session
from faultlab.scenarios import catalog

__all__ = ["containers"]

ENVIRONMENTS = ("embedded", "docker")
SERVICES = tuple(f"service-{number}" for number in range(8))
ROUTES = {"GET /health": {"status": "ok"}}
STORY = "down"
PATIENCE = 30.0  # seconds for an answer


def _lived(environment: str) -> tuple[float, float]:
    """Seconds from nothing to eight services that answer, and from there to nothing."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        feed, events = socket.socketpair()
        with events, start(environment, print) as host:
            run = Hosted(
                host,
                {name: parse(ROUTES) for name in SERVICES},
                header=Header(scenario="bench"),
                path=Path(folder) / "history.jsonl",
                feed=feed,
            )
            with httpx.Client(trust_env=False, timeout=PATIENCE) as http:
                for name in SERVICES:
                    http.get(f"{run.url(name)}/health").raise_for_status()
            ready = time.perf_counter()
            run.close()
        gone = time.perf_counter()
    return ready - began, gone - ready


def _played(environment: str) -> float:
    """Seconds of one story of the catalog on the reference client, in a lab that is there already."""
    slugs = {info.slug: info.id for info in ALL}
    promises = {info.id: info.promise for info in ALL}
    took: list[float] = []
    with (
        tempfile.TemporaryDirectory() as out,
        Session("maximus", environment=environment, tune="fast", seed=7, out=Path(out)) as session,
    ):
        story = session.plan(catalog()[STORY], slugs, promises)
        assert isinstance(story, Plan)
        session.play([], ended=lambda _: None, jobs=1)
        session.play([story], ended=lambda result: took.append(result.seconds), jobs=1)
    return took[0]


def containers(rounds: int) -> None:
    """Both environments, in turns."""
    ready: dict[str, list[float]] = {name: [] for name in ENVIRONMENTS}
    gone: dict[str, list[float]] = {name: [] for name in ENVIRONMENTS}
    story: dict[str, list[float]] = {name: [] for name in ENVIRONMENTS}
    print(f"containers, median of {rounds}")
    try:
        for number in range(rounds + 1):
            for name in ENVIRONMENTS:
                up, down = _lived(name)
                if number > 0:  # the first warms up, and builds what is missing
                    ready[name].append(up)
                    gone[name].append(down)
                    story[name].append(_played(name))
    except SetupError as error:
        print(f"  not measured ({error.text})")
        return
    told: tuple[tuple[str, dict[str, list[float]]], ...] = (
        ("eight services ready", ready),
        ("everything gone", gone),
        (f"the story `{STORY}`", story),
    )
    for title, times in told:
        embedded, docker = (times[name] for name in ENVIRONMENTS)
        ratios = [one / other for one, other in zip(docker, embedded, strict=True)]
        line = f"  {title:<22} embedded {median(embedded):6.2f} s   docker {median(docker):6.2f} s"
        print(f"{line}   ratio {median(ratios):5.1f}   from {min(ratios):.1f} to {max(ratios):.1f}")
