"""The closed table of checks, in order of their ids.

Each check is a pure question put to a reading of a history; what it needs is in
lab/checks/case.py, what it answers in lab/checks/finding.py. Nothing here knows the network.
"""

from __future__ import annotations

from .finding import CheckInfo, Finding, Outcome, Verdict

__all__ = ["ALL", "CheckInfo", "Finding", "Outcome", "Verdict", "by_slug"]

ALL: tuple[CheckInfo, ...] = (
    CheckInfo(
        "C01",
        "bounded-retries",
        "an operation never makes more attempts than promised",
        "an operation's first attempt failed",
        "attempts.max",
    ),
    CheckInfo(
        "C02",
        "exact-retries",
        "under a lasting retryable failure an operation makes exactly the promised attempts",
        "every attempt of an operation failed in a way that is retried",
        "attempts.max",
    ),
    CheckInfo(
        "C03",
        "stops-at-success",
        "no attempt follows one that succeeded",
        "an attempt succeeded",
    ),
    CheckInfo(
        "C04",
        "retryable-set",
        "what is declared retryable is retried, and nothing else",
        "an attempt failed while attempts were left",
        "retry_on",
    ),
    CheckInfo(
        "C05",
        "unsafe-not-retried",
        "an operation that is not idempotent is not repeated once any of it was sent",
        "an attempt of an operation without idempotency failed after it was sent",
    ),
    CheckInfo(
        "C06",
        "at-most-once",
        "an operation that is not idempotent has at most one effect, and one if it ended ok",
        "such an operation's answer was lost, or it ended ok",
    ),
    CheckInfo(
        "C20",
        "backoff",
        "the wait before each retry lies within the declared bounds",
        "an operation was retried without a Retry-After",
        "backoff",
    ),
    CheckInfo(
        "C24",
        "retry-after",
        "the next attempt waits as long as the server asked",
        "a failed answer carried a Retry-After that the contract honours",
        "retry_after",
    ),
    CheckInfo(
        "C26",
        "attempt-timeout",
        "a silent connect or answer is given up within the declared timeout",
        "a connect or an answer stayed silent",
        "timeouts",
    ),
    CheckInfo(
        "C40",
        "opens",
        "after the declared failures the breaker rejects operations",
        "a breaker had met its threshold when an operation began",
        "breaker",
    ),
    CheckInfo(
        "C41",
        "not-early",
        "the breaker rejects nothing before its threshold",
        "an operation began after a failure and below the threshold",
        "breaker",
    ),
    CheckInfo(
        "C42",
        "counts-right",
        "only declared failures count towards the breaker's threshold",
        "operations ended in a way that does not count, as often as the threshold",
        "breaker",
    ),
    CheckInfo(
        "C44",
        "half-opens",
        "the first operation after the reset time reaches the wire",
        "an operation began after an open breaker's reset time",
        "breaker",
    ),
    CheckInfo(
        "C45",
        "half-open-permits",
        "a half-open breaker admits no more probes than declared",
        "operations began while a probe was in flight",
        "breaker",
    ),
    CheckInfo(
        "C46",
        "half-open-outcomes",
        "a failed probe reopens the breaker for the full time, a successful one closes it",
        "an operation began after a probe had ended",
        "breaker",
    ),
    CheckInfo(
        "C48",
        "isolation",
        "failures of one breaker key reject no operation of another",
        "an operation began while only another key's breaker was open",
        "breaker",
    ),
    CheckInfo(
        "C49",
        "fail-fast",
        "a rejected operation ends at once and opens no connection",
        "an operation was rejected",
        "breaker",
    ),
    CheckInfo(
        "C60",
        "declared-error",
        "nothing outside the client's public error hierarchy escapes",
        "an operation failed",
        "errors",
    ),
    CheckInfo(
        "C61",
        "right-error",
        "the exception is the one declared for what the last attempt met",
        "an operation failed",
        "errors",
    ),
    CheckInfo(
        "C63",
        "no-swallow",
        "an operation without a successful attempt does not end ok",
        "no attempt of an operation succeeded",
    ),
    CheckInfo(
        "C65",
        "integrity",
        "an operation ends ok only on a complete, undamaged answer",
        "the last answer of an operation was cut or damaged",
    ),
    CheckInfo(
        "C70",
        "no-connection-leak",
        "after close the client leaves no connection open",
        "the subject was closed and had opened connections",
    ),
    CheckInfo(
        "C90",
        "fault-fired",
        "every armed fault acted at least once",
        "a fault was armed that must fire",
    ),
    CheckInfo(
        "C91",
        "workload-ran",
        "every operation that is used succeeded in the control phase",
        "an operation was used",
    ),
    CheckInfo(
        "C92",
        "baseline-passes",
        "the same plan without its faults passes",
        "a baseline was played",
    ),
    CheckInfo(
        "C97",
        "attribution",
        "every attempt belongs to exactly one operation",
        "an attempt was made",
    ),
)


def by_slug(name: str) -> CheckInfo:
    """The check of this slug or id; raises KeyError."""
    for info in ALL:
        if name in (info.slug, info.id):
            return info
    raise KeyError(name)
