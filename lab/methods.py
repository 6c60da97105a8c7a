"""The methods of HTTP that the lab knows: which only read (RFC 9110 9.2.1), which may be repeated
(9.2.2)."""

from __future__ import annotations

__all__ = ["IDEMPOTENT", "METHODS", "SAFE"]

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
IDEMPOTENT = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
