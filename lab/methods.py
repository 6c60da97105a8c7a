"""The methods of HTTP that the lab knows: which only read (RFC 9110 9.2.1), which may be repeated
(9.2.2); and the headers, in lower case, by which a request of any method may be repeated."""

from __future__ import annotations

__all__ = ["IDEMPOTENCY_KEYS", "IDEMPOTENT", "METHODS", "SAFE"]

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
IDEMPOTENT = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
IDEMPOTENCY_KEYS = frozenset({"idempotency-key", "x-idempotency-key"})
