"""A client of httpx with three attempts, as a subject of the bench."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import httpx

from faultlab import op, subject

SERVICES = {"orders": {"GET /orders/{id}": {"id": 7}}}
CONTRACT = {
    "attempts": {"max": 3},
    "retry_on": {"statuses": [503], "methods": "any"},
    "backoff": {"base": 0.5, "factor": 2, "max": 8, "jitter": "none"},
    "breaker": "none",
}


@subject(services=SERVICES, contract=CONTRACT)
async def retrying(urls: Mapping[str, str]) -> AsyncIterator[Mapping[str, object]]:
    """Reads an order; waits half a second before the second attempt, and a second before the third."""
    async with httpx.AsyncClient(base_url=urls["orders"]) as http:

        async def read() -> httpx.Response:
            for wait in (0.5, 1.0):
                response = await http.get("/orders/7")
                if response.status_code != 503:
                    break
                await asyncio.sleep(wait)
            else:
                response = await http.get("/orders/7")
            return response.raise_for_status()

        yield {"read": op("GET /orders/{id}", read)}
