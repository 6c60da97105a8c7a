"""What a check says: a finding with its witness, and what identifies a check.

Counterparts: lab/verdict.py folds findings into a verdict, lab/report prints them. Values only;
this module knows neither histories nor contracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["pass", "fail", "error", "unknown", "not_exercised", "not_promised"]
Verdict = Literal["pass", "fail", "unknown", "error"]

STEP = "step"  # `Finding.check` of a step whose expected outcome did not come


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """One check: its identity, what it claims, when it applies, which promise it reads.

    `promise` is the contract field without which the finding is `not_promised`; empty: the claim
    holds for every client.
    """

    id: str
    slug: str
    claim: str
    precondition: str
    promise: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check (or of one step) to one history.

    `promised` and `seen` are one sentence each; `field` is the contract's field and value that
    the promise stands in, e.g. `retry_after.beats_backoff: max`. `events` is the witness: the
    indices of the smallest sub-history that shows the outcome; `marks` are remarks on some of
    them. An unknown finding says which evidence is `missing`, what is `known` all the same, and
    what to do `to_know`. A passing finding counts in `cases` what it judged.
    """

    check: str
    slug: str
    outcome: Outcome
    promised: str = ""
    seen: str = ""
    field: str = ""
    operation: int | None = None
    events: tuple[int, ...] = ()
    marks: tuple[tuple[int, str], ...] = ()
    missing: str = ""
    known: str = ""
    to_know: str = ""
    cases: int = 0
