"""The methods of HTTP that the lab knows, and which of them may be repeated (RFC 9110 9.2.2)."""

from __future__ import annotations

__all__ = ["IDEMPOTENT", "METHODS"]

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
IDEMPOTENT = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})
