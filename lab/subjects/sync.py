"""The small synchronous client as a subject: `sync`, and `planted:sync-NAME` with a bug in it.

Its operations run in threads, as many as a step has at once.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import httpx

from ...fixtures.sync.client import Settings, Shop
from ...fixtures.sync.promises import PROMISES
from .declaration import Op, Subject, op, subject

if TYPE_CHECKING:
    from ..tune import Tune

__all__ = ["SERVICES", "operations", "settings", "shopping"]

SERVICES = {
    "orders": {
        "GET /orders/{id}": {"id": 7},
        "GET /orders": [{"id": 7}],
        "POST /orders": [201, {"id": 8}],
    },
    "stock": {"GET /items/{sku}": {"sku": "a", "left": 3}},
}


def settings(tune: Tune | None) -> Settings:
    """The client's settings under a tune; None leaves its own numbers."""
    if tune is None:
        return Settings()
    return Settings(
        backoff_base=tune.backoff_base,
        backoff_cap=tune.backoff_cap,
        connect=tune.connect,
        read=tune.read,
        write=tune.write,
        pool=tune.pool,
        reset_timeout=tune.reset_timeout,
    )


def operations(client: Shop) -> dict[str, Op]:
    """Every operation of the client, by role."""
    return {
        "read": op("orders GET /orders/{id}", client.order, 7),
        "read.other": op("orders GET /orders", client.orders),
        "read.elsewhere": op("stock GET /items/{sku}", client.item, "a"),
        "write": op("orders POST /orders", client.place, "a"),
    }


def shopping(client: type[Shop], name: str) -> Subject:
    """A client of this class as a subject of this name, under the promises of the correct one."""

    @subject(services=SERVICES, contract=PROMISES)
    def shop(urls: Mapping[str, str], tune: Tune | None, seed: int) -> Iterator[dict[str, Op]]:
        with client(
            orders=urls["orders"],
            stock=urls["stock"],
            settings=settings(tune),
            transport=_sockets,
            random=Random(seed),
        ) as opened:
            yield operations(opened)

    return replace(shop, name=name)


def _sockets() -> httpx.HTTPTransport:
    # Reading the certificates takes 20 ms, and the lab's addresses need none.
    return httpx.HTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)
