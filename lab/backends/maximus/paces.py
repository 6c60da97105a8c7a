"""How long the services take to answer, by name of a profile. Pure.

The spans are those that were measured on the running services (one request at a time), and those
of 50 clients at once, where nearly all of the time is a queue's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from ..routes import Answer, Reply, Request

__all__ = ["PACES", "Pace", "paced"]

Span = tuple[float, float]
"""The least and the most, in seconds."""


@dataclass(frozen=True, slots=True)
class Pace:
    """One profile. `others`: the span of every operation that isn't named."""

    text: str
    others: Mapping[str, Span]
    operations: Mapping[str, Span]

    def span(self, service: str, endpoint: str) -> Span:
        """How long an operation takes; a service that was never measured is as PENELOPE."""
        others = self.others.get(service, self.others["penelope"])
        return self.operations.get(f"{service} {endpoint}", others)


PACES: Mapping[str, Pace] = {
    "measured": Pace(
        "one request at a time: 2 to 6 ms, a query 1.2 to 1.8 s",
        {"core": (0.002, 0.006), "penelope": (0.002, 0.006)},
        {
            "core GET /api/consciousness/state": (0.003, 0.004),
            "core POST /api/consciousness/arousal/adjust": (0.1, 0.11),
            "core POST /query": (1.2, 1.8),
        },
    ),
    "loaded": Pace(
        "among 50 clients: about half a second, a query 1.7 to 2.4 s",
        {"core": (0.534, 0.570), "penelope": (0.462, 0.549)},
        {
            "core POST /api/consciousness/arousal/adjust": (0.634, 0.680),
            "core POST /query": (1.734, 2.370),
        },
    ),
}


def paced(answers: Mapping[str, Answer], pace: Pace, service: str, seed: int) -> dict[str, Answer]:
    """The same answers, each after its time; which, within the span, is drawn from the seed."""
    asked: Counter[str] = Counter()

    def slowed(endpoint: str, answer: Answer) -> Answer:
        least, most = pace.span(service, endpoint)

        def answered(request: Request) -> Reply:
            asked[endpoint] += 1
            drawn = Random(f"{seed}:{service}:{endpoint}:{asked[endpoint]}").uniform(least, most)
            return replace(answer(request), after=drawn)

        return answered

    return {endpoint: slowed(endpoint, answer) for endpoint, answer in answers.items()}
