"""The catalog, and each kind of fault alone, played in one environment after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faultlab.lab.checks import ALL
from faultlab.lab.environments import ENVIRONMENTS
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result, judged
from faultlab.lab.run import Session
from faultlab.scenarios import InjectStep, Scenario, catalog, parse

SEED = 7
AT_ONCE = 8  # stories
SLUGS = {info.slug: info.id for info in ALL}
PROMISES = {info.id: info.promise for info in ALL}

# Where the same plans are played, beside `embedded`: the environment, and whether each fault is
# played alone, too. The first shows that the comparison finds nothing where there is nothing.
PLACES: Mapping[str, tuple[str, bool]] = {"again": ("embedded", False)}

# Each kind, and each way of a kind that is carried out otherwise, as lines of a step. What resets on
# accept is left out: a client meets it as either of two errors, by chance, in any environment.
FAULTS = {
    "refused": "inject: refused",
    "refused-reset": "inject: refused, live: reset",
    "refused-keep": "inject: refused, live: keep",
    "stopped": "inject: stopped",
    "killed": "inject: killed",
    "cut-accept": "inject: cut, at: accept",
    "cut-head": "inject: cut, at: request_head",
    "cut-request": "inject: cut, at: request_complete, by: rst",
    "cut-answer": "inject: cut, at: response_head",
    "cut-body": "inject: cut, at: response_body",
    "cut-body-rst": "inject: cut, at: response_body, by: rst",
    "latency": "inject: latency, delay: 100ms, direction: both",
    "stall-connect": "inject: stall, at: connect",
    "stall-head": "inject: stall, at: response_head",
    "stall-body": "inject: stall, at: response_body",
    "frozen": "inject: frozen",
    "throttle": "inject: throttle, rate: 4kB/s",
    "drip": "inject: drip, size: 64B, interval: 10ms",
    "status": "inject: status, code: 503",
    "partition-hold": "inject: partition, live: hold",
    "partition-unplugged": "inject: partition, live: unplugged",
    "partition-keep": "inject: partition, live: keep",
    "partition-answers": "inject: partition, direction: to_client",
    "bad-json": "inject: bad_body, body: invalid_json",
    "bad-page": "inject: bad_body, body: html",
    "bad-chunk": "inject: bad_body, body: bad_chunk",
    "bad-gzip": "inject: bad_body, body: bad_gzip",
    "lost-answer": "inject: lost_answer",
    "lost-answer-rst": "inject: lost_answer, by: rst",
    "stale": "inject: stale",
    "stale-rst": "inject: stale, by: rst",
    "duplicate": "inject: duplicate",
    "capacity": "inject: capacity, workers: 1",
}


def alone(name: str, text: str) -> Scenario:
    """A story of one fault: what reads, writes and reads that are retried meet, and the heal."""
    story = f"""
        scenario: {name} alone
        fault:
          - {{{text}}}
          - read: contract
          - write: contract
          - read: contract
            times: 2
          - clear: all
          - read: contract
    """
    lines = [line[8:] for line in story.splitlines()]
    return parse("\n".join(lines).encode(), f"{name}.yaml")


STORIES = {**catalog(), **{name: alone(name, text) for name, text in FAULTS.items()}}

Played = Mapping[str, Result]


def cases() -> list[tuple[str, str]]:
    """Each place with each story that it can play."""
    return [
        (place, name)
        for place, (environment, alone) in PLACES.items()
        for name, story in STORIES.items()
        if (alone or name not in FAULTS) and kinds(story) <= ENVIRONMENTS[environment]
    ]


def kinds(story: Scenario) -> set[str]:
    """The kinds of its faults."""
    return {step.kind for step in story.fault if isinstance(step, InjectStep)}


@dataclass
class Plays:
    """What was played, by place: all its stories side by side, once."""

    out: Path
    wanted: Mapping[str, Sequence[str]]
    results: dict[str, Played] = field(default_factory=dict)

    def at(self, place: str) -> Played:
        """The stories, by name."""
        if place not in self.results:
            environment = PLACES[place][0] if place in PLACES else place
            self.results[place] = self._played(place, environment)
        return self.results[place]

    def _played(self, place: str, environment: str) -> Played:
        found: dict[str, Result] = {}
        with ExitStack() as stack:
            session = stack.enter_context(
                Session(
                    "maximus",
                    environment=environment,
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
                ended=lambda result: found.update({result.name: judged(result)}),
                jobs=AT_ONCE,
            )
        return found


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
