"""What containers cost beside processes on loopback: start-up, a scenario, and the clean-up.

The same in both environments, in turns.
"""

from __future__ import annotations

import os
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

FORMS = ("embedded", "docker", "docker, one container")
TARGETS = {"docker": 2.5, "docker, one container": 1.0}
"""Seconds until eight services are ready, warm."""
SERVICES = tuple(f"service-{number}" for number in range(8))
ROUTES = {"GET /health": {"status": "ok"}}
STORY = "down"
PATIENCE = 30.0  # seconds for an answer


def _lived(form: str) -> tuple[float, float]:
    """Seconds from nothing to eight services that answer, and from there to nothing."""
    environment, _, one = form.partition(", ")
    os.environ["FAULTLAB_BACKENDS"] = "one" if one else ""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        feed, events = socket.socketpair()
        with events, start(environment, print, services=SERVICES) as host:
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
    """The forms in turns."""
    ready: dict[str, list[float]] = {form: [] for form in FORMS}
    gone: dict[str, list[float]] = {form: [] for form in FORMS}
    story: dict[str, list[float]] = {form: [] for form in FORMS[:2]}
    print(f"containers, warm, median of {rounds}")
    asked = os.environ.get("FAULTLAB_BACKENDS")
    try:
        for number in range(rounds + 1):
            for form in FORMS:
                up, down = _lived(form)
                if number > 0:  # the first warms up, and builds what is missing
                    ready[form].append(up)
                    gone[form].append(down)
                    if form in story:
                        story[form].append(_played(form))
    except SetupError as error:
        print(f"  not measured ({error.text})")
        return
    finally:
        os.environ.pop("FAULTLAB_BACKENDS")
        if asked is not None:
            os.environ["FAULTLAB_BACKENDS"] = asked
    for form, times in ready.items():
        aim = f"   target {TARGETS[form]:g} s" if form in TARGETS else ""
        print(f"  eight services ready   {form:<22} {median(times):6.2f} s{aim}")
    for form, times in gone.items():
        print(f"  everything gone        {form:<22} {median(times):6.2f} s")
    ratios = [one / other for other, one in zip(*story.values(), strict=True)]
    for form, times in story.items():
        print(f"  the story `{STORY}`       {form:<22} {median(times):6.2f} s")
    print(
        f"  the story's ratio      {median(ratios):.1f}   from {min(ratios):.1f} to {max(ratios):.1f}"
    )
