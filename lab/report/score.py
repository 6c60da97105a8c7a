"""How many planted bugs the checks find, and what they say of clients that have none.

Pure: from judgements to lines. `tests/catalog` plays the stories and prints this at the end of
`make stories`; the guide shows the same lines, the README one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from types import MappingProxyType

from ..checks import Finding
from ..verdict import Judgement

__all__ = ["WEIGHTS", "Score", "Trial", "found", "line", "lines", "table"]

WEIGHTS: Mapping[str, int] = MappingProxyType({"IF": 36, "WHEN": 33, "HOW": 31})
"""Bugs of retrying by family, in percent of those that WASABI (SOSP 2024) found in the field."""

_JUDGED = ("pass", "fail", "unknown", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One planted bug, played in the story that exposes it.

    `client` is the correct client that it was put into. Without a judgement the play broke off.
    """

    bug: str
    client: str
    family: str
    story: str
    check: str
    judgement: Judgement | None

    @property
    def found(self) -> bool:
        """Whether its check found it."""
        return self.judgement is not None and found(self.judgement, self.check)


@dataclass(frozen=True, slots=True)
class Score:
    """What was played: planted bugs, and stories on correct clients as (client, story)."""

    trials: Sequence[Trial]
    correct: Mapping[tuple[str, str], Judgement]

    @property
    def missed(self) -> tuple[str, ...]:
        """The bugs that were not found, each with what should have found it."""
        return tuple(
            f"{one.bug}: {one.check} in {one.story}" for one in self.trials if not one.found
        )

    @property
    def alarms(self) -> tuple[str, ...]:
        """What fails where no bug is: on a correct client, or in a baseline."""
        told = [
            *(
                (f"{client} in {story}", [*one.findings, *one.baseline])
                for (client, story), one in self.correct.items()
            ),
            *(
                (f"{one.bug}'s baseline", list(one.judgement.baseline))
                for one in self.trials
                if one.judgement is not None
            ),
        ]
        return tuple(
            f"{where}: {finding.check} {finding.seen}"
            for where, findings in told
            for finding in findings
            if finding.outcome == "fail"
        )


def found(judgement: Judgement, check: str) -> bool:
    """Whether a check found a bug: it fails, and the fault is to blame.

    A client whose baseline fails, or does not work at all, was broken in another way.
    """
    outcomes = {finding.check: finding.outcome for finding in judgement.findings}
    return (
        outcomes.get(check) == "fail"
        and outcomes.get("C92") == "pass"
        and not any(finding.outcome == "fail" for finding in judgement.baseline)
    )


def lines(score: Score) -> Iterator[str]:
    """The score as it is printed: the table, the share of unknowns, and what went wrong by name."""
    yield from table(score)
    unknown, judged = _unknown(score)
    yield f"unknown {100 * unknown / max(1, judged):.1f} % of {judged} findings"
    yield from (f"MISSED {one}" for one in score.missed)
    yield from (f"FALSE ALARM {one}" for one in score.alarms)


def table(score: Score) -> Iterator[str]:
    """What is the same whenever it is measured: by family, by story, all; then false alarms."""
    clients = tuple(dict.fromkeys(one.client for one in score.trials))
    yield _row("family", ("all", *clients))
    for name in sorted({one.family for one in score.trials}, key=_place):
        yield _row(name, _counts([one for one in score.trials if one.family == name], clients))
    yield ""
    yield _row("story", ("all", *clients))
    for name in sorted({one.story for one in score.trials}):
        yield _row(name, _counts([one for one in score.trials if one.story == name], clients))
    yield ""
    yield _row("all", _counts(score.trials, clients))
    yield f"weighted {floor(_weighted(score.trials))} % ({_weights()})"
    yield _alarms(score)


def line(score: Score) -> str:
    """The table in one sentence."""
    told = sum(one.found for one in score.trials)
    return f"{told} of {len(score.trials)} planted bugs found; {_alarms(score)}"


def _place(family: str) -> tuple[int, str]:
    """Where a family stands: those with a weight first."""
    weighed = list(WEIGHTS)
    return (weighed.index(family) if family in weighed else len(weighed), family)


def _row(name: str, cells: Iterable[str]) -> str:
    return (f"{name:<10}" + "".join(f"{cell:>10}" for cell in cells)).rstrip()


def _counts(trials: Sequence[Trial], clients: Iterable[str]) -> tuple[str, ...]:
    groups = [trials, *([one for one in trials if one.client == name] for name in clients)]
    return tuple(f"{sum(one.found for one in group)}/{len(group)}" for group in groups)


def _weighted(trials: Sequence[Trial]) -> float:
    """Percent of the bugs of retrying that are found, each family with its weight; whole ones are
    shown, and 100 only if none is missed.
    """
    total = 0.0
    for family, weight in WEIGHTS.items():
        group = [one for one in trials if one.family == family]
        total += weight * sum(one.found for one in group) / max(1, len(group))
    return total


def _weights() -> str:
    return ", ".join(f"{family} {weight}" for family, weight in WEIGHTS.items())


def _alarms(score: Score) -> str:
    clients = ", ".join(dict.fromkeys(client for client, _ in score.correct))
    return (
        f"false alarms {len(score.alarms)} in {len(score.correct)} stories on correct clients"
        f" ({clients}) and {len(score.trials)} baselines"
    )


def _unknown(score: Score) -> tuple[int, int]:
    """Findings that are unknown, and all that judge something, of every play."""
    judgements = [
        *score.correct.values(),
        *(one.judgement for one in score.trials if one.judgement is not None),
    ]
    findings: list[Finding] = [
        finding for one in judgements for finding in (*one.findings, *one.baseline)
    ]
    judged = [finding for finding in findings if finding.outcome in _JUDGED]
    return sum(finding.outcome == "unknown" for finding in judged), len(judged)
