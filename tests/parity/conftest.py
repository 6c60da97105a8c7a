"""The catalog, and the faults one by one, played in one environment after the other."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from faultlab.lab.checks import ALL
from faultlab.lab.environments import ENVIRONMENTS
from faultlab.lab.environments.toxiproxy import found
from faultlab.lab.errors import LabError, SetupError
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result, judged
from faultlab.lab.run import Session
from faultlab.scenarios import InjectStep, Scenario, catalog, parse

from ..docker.conftest import REQUIRED, missing

SEED = 7
AT_ONCE = 4  # stories
SLUGS = {info.slug: info.id for info in ALL}
PROMISES = {info.id: info.promise for info in ALL}

# Where the same plans are played, beside `embedded`. `again` shows that the comparison finds nothing
# where there is nothing; it plays the catalog alone.
PLACES: Mapping[str, Mapping[str, str]] = {
    "embedded": {"environment": "embedded"},
    "again": {"environment": "embedded"},
    "simulated": {"environment": "simulated"},
    "toxiproxy": {"environment": "embedded", "proxy": "toxiproxy"},
    "docker": {"environment": "docker"},
}

# Each kind, and each way of a kind that is carried out otherwise, as lines of a step: one after the
# other in a story of each group. What resets on accept is left out: a client meets it as either of
# two errors, by chance, in any place.
FAULTS = {
    "refusals": ("refused", "refused, live: reset", "refused, live: keep"),
    "processes": ("stopped", "killed", "frozen"),
    "cuts": (
        "cut, at: accept",
        "cut, at: request_head",
        "cut, at: request_complete, by: rst",
        "cut, at: response_head",
        "cut, at: response_body",
        "cut, at: response_body, by: rst",
    ),
    "paces": (
        "latency, delay: 100ms, direction: both",
        "throttle, rate: 4kB/s",
        "drip, size: 64B, interval: 10ms",
    ),
    "stalls": ("stall, at: connect", "stall, at: response_head", "stall, at: response_body"),
    "partitions": (
        "partition, live: hold",
        "partition, live: unplugged",
        "partition, live: keep",
        "partition, direction: to_client",
    ),
    "answers": (
        "status, code: 503",
        "bad_body, body: invalid_json",
        "bad_body, body: html",
        "bad_body, body: bad_chunk",
        "bad_body, body: bad_gzip",
    ),
    "exchanges": (
        "lost_answer",
        "lost_answer, by: rst",
        "stale",
        "stale, by: rst",
        "duplicate",
        "capacity, workers: 1",
    ),
}

# What reads, writes and later reads meet; then the heal, and a client with closed breakers.
EACH = """
  - {{inject: {}}}
  - read: contract
  - write: contract
  - read: contract
  - clear: all
  - read: contract
  - subject: new
"""


def one_by_one(name: str) -> Scenario:
    """A story of the faults of a group, one after the other."""
    steps = "".join(EACH.format(text) for text in FAULTS[name])
    return parse(f"scenario: {name}, one by one\nfault:{steps}".encode(), f"{name}.yaml")


STORIES = {**catalog(), **{name: one_by_one(name) for name in FAULTS}}

Played = Mapping[str, Result]


def cases() -> list[Any]:
    """Each other place with each story that it can play."""
    return [
        pytest.param(place, name, marks=[pytest.mark.docker] if place == "docker" else [])
        for place, asked in PLACES.items()
        for name, story in STORIES.items()
        if place != "embedded"
        and (place != "again" or name not in FAULTS)
        and kinds(story) <= ENVIRONMENTS[asked["environment"]]
    ]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What a place needs and this machine lacks: from here, so that it is one line for all."""
    place = getattr(getattr(item, "callspec", None), "params", {}).get("place")
    reason = absent(place) if place in ("toxiproxy", "docker") else ""
    if reason:
        (pytest.fail if place == "docker" and REQUIRED else pytest.skip)(reason)


@cache
def absent(place: str) -> str:
    """Why it can't be had here; empty if it can."""
    if place == "docker":
        return missing()
    try:
        found(os.environ)
    except SetupError as error:
        return error.text
    return ""


def kinds(story: Scenario) -> set[str]:
    """The kinds of its faults."""
    return {step.kind for step in story.fault if isinstance(step, InjectStep)}


@dataclass
class Plays:
    """What was played, by place: all its stories side by side, once."""

    out: Path
    wanted: Mapping[str, Sequence[str]]
    results: dict[str, Played | LabError] = field(default_factory=dict)

    def at(self, place: str) -> Played:
        """The stories, by name. Raises what their session raised, each time that it is asked for."""
        if place not in self.results:
            try:
                self.results[place] = self._played(place)
            except LabError as error:
                self.results[place] = error
        played = self.results[place]
        if isinstance(played, LabError):
            raise played
        return played

    def _played(self, place: str) -> Played:
        played: dict[str, Result] = {}
        asked = PLACES[place]
        with ExitStack() as stack:
            session = stack.enter_context(
                Session(
                    "maximus",
                    environment=asked["environment"],
                    proxy=asked.get("proxy", "embedded"),
                    tune="fast",
                    seed=SEED,
                    out=self.out / place,
                )
            )
            plans = []
            for name in self.wanted[place]:
                plan = session.plan(STORIES[name], SLUGS, PROMISES)
                assert isinstance(plan, Plan), f"{name} is not offered"
                plans.append(plan)
            session.play(
                plans,
                ended=lambda result: played.update({result.name: judged(result)}),
                jobs=AT_ONCE,
            )
        return played


@pytest.fixture(scope="session")
def plays(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Plays:
    """Plays the stories that collected tests ask for."""
    wanted: dict[str, dict[str, None]] = {"embedded": {}}
    for item in request.session.items:
        asked = getattr(getattr(item, "callspec", None), "params", {})
        if {"place", "story"} <= asked.keys():
            for place in ("embedded", asked["place"]):
                wanted.setdefault(place, {})[asked["story"]] = None
    return Plays(
        tmp_path_factory.mktemp("parity"), {place: list(names) for place, names in wanted.items()}
    )
