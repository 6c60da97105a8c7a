"""Whether an operation's requests are those that its subject declared.

The declared endpoint decides idempotency, scopes and breaker keys, so a wrong one would make
every judgement about the operation a judgement about another. Pure.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from ...faults.scope import covers
from .facts import Attempt, Operation

__all__ = ["misdeclared"]


def misdeclared(operation: Operation) -> Attempt | None:
    """The first request of an operation that sent some, none of them what it declares.

    One match is enough: a client may log in, or be redirected, on its way.
    """
    sent = [attempt for attempt in operation.attempts if not attempt.headless]
    if not sent or not operation.endpoint or any(_is_declared(operation, one) for one in sent):
        return None
    return sent[0]


def _is_declared(operation: Operation, attempt: Attempt) -> bool:
    path = urlsplit(attempt.target).path or "/"
    return any(covers(operation.endpoint, attempt.method, one) for one in (path, unquote(path)))
