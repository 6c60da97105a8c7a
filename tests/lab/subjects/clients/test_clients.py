import http.client
import threading
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import httpx
import httpx2
import uvloop

from faultlab.lab.history import AnyEvent
from faultlab.lab.stamp import Stamp
from faultlab.lab.subjects.attribution import Attribution
from faultlab.lab.subjects.clients import instrumented
from faultlab.lab.subjects.connects import Connects
from faultlab.lab.subjects.listeners import Listeners

SEAMS: tuple[tuple[type, str], ...] = (
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (httpx2.HTTPTransport, "handle_request"),
    (httpx2.AsyncHTTPTransport, "handle_async_request"),
    (aiohttp.ClientSession, "_request"),
    (http.client.HTTPConnection, "endheaders"),
    (http.client.HTTPConnection, "send"),
    (http.client.HTTPConnection, "getresponse"),
    (threading.Thread, "start"),
    (ThreadPoolExecutor, "submit"),
    (uvloop.Loop, "create_connection"),
)


def now() -> list[object]:
    """The methods as they are."""
    return [vars(owner).get(name) for owner, name in SEAMS]


def test_every_client_is_wrapped_and_every_wrap_is_undone() -> None:
    """A test after this one must find the classes as they were."""
    events: list[AnyEvent] = []
    before = now()
    connects = Connects(Listeners(), Stamp(0.0), events.append)
    with instrumented(Attribution(Listeners(), Stamp(0.0), events.append), connects):
        assert all(one is not other for one, other in zip(now(), before, strict=True))
    assert now() == before
