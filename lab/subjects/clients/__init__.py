"""The clients whose requests say which operation they belong to, and what carries it to them.

One table, a module for each library. What is not in it goes out untagged: the reading gives it to
the one operation in flight, and to none where there are several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import ModuleType

from ..attribution import Attribution
from ..connects import Connects
from ..seams import Seam, fitted
from . import aiohttp, http_client, httpx, threads, uvloop

__all__ = ["instrumented"]


@contextmanager
def instrumented(attribution: Attribution, connects: Connects) -> Iterator[None]:
    """Have every client of the table tag its requests, those too that are imported meanwhile."""
    table: Mapping[str, Callable[[ModuleType], Iterable[Seam]]] = {
        "httpx": partial(httpx.seams, attribution),
        "httpx2": partial(httpx.seams, attribution),
        "aiohttp": partial(aiohttp.seams, attribution),
        "http.client": partial(http_client.seams, attribution),  # so urllib3 and requests too
        "threading": threads.of_threading,
        "concurrent.futures.thread": threads.of_futures,
        "uvloop": partial(uvloop.seams, connects),
    }
    with attribution.in_force(), fitted(table):
        yield
