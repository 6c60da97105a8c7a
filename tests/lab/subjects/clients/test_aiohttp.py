import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from faultlab.lab.subjects.attribution import HEADER, Attribution
from faultlab.lab.subjects.clients.aiohttp import seams

Operation = Callable[[int], AbstractContextManager[None]]
Handler = Callable[[Any], Awaitable[str]]


@dataclass
class Request:
    """What a session makes of a call, once for each time that it goes to the wire."""

    url: Any = field(default_factory=lambda: SimpleNamespace(host="127.0.0.1", port=4000))
    headers: Any = field(default_factory=lambda: Headers())


class Headers(dict[str, str]):
    """A mapping with several values for a name, as far as it is used."""

    def popall(self, name: str, default: object) -> object:
        """All values of a name."""
        return self.pop(name, default)


class Session:
    """A session as aiohttp's: it sends until one is answered, each time through its middlewares."""

    def __init__(self, *errors: Exception | None, middlewares: tuple[Any, ...] = ()) -> None:
        self._middlewares = middlewares
        self.errors = list(errors)
        self.sent: list[str | None] = []
        self.shown: list[str | None] = []

    async def _wire(self, request: Request) -> str:
        self.sent.append(request.headers.get(HEADER))
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return "answered"

    async def _request(self, method: str, *, middlewares: Any = None) -> str:
        while True:
            request, handler = Request(), self._wire
            for one in reversed(self._middlewares if middlewares is None else middlewares):
                handler = _around(one, handler)
            try:
                return await handler(request)
            except ConnectionResetError:
                continue
            finally:
                self.shown.append(request.headers.get(HEADER))


def _around(middleware: Any, handler: Handler) -> Handler:
    async def wrapped(request: Any) -> str:
        answer: str = await middleware(request, handler)
        return answer

    return wrapped


def instrumented(attribution: Attribution, session: type) -> Any:
    """The session's `_request`, wrapped."""
    module: Any = SimpleNamespace(ClientSession=session)
    (seam,) = seams(attribution, module)
    return seam.wrapper(getattr(seam.owner, seam.name))


def test_a_silent_retry_is_an_attempt_of_its_own(
    attribution: Attribution, operation: Operation, told: Callable[[], list[str]]
) -> None:
    """One call of the session, two heads on the wire."""
    session = Session(ConnectionResetError())
    with operation(4):
        asyncio.run(instrumented(attribution, Session)(session, "GET"))
    assert session.sent == ["4.1", "4.2"]
    assert told() == ["4.1", "4.1 ConnectionResetError", "4.2", "4.2 ok"]


def test_the_client_never_sees_the_tag(attribution: Attribution, operation: Operation) -> None:
    """An answer shows the headers of its request."""
    session = Session()
    with operation(1):
        asyncio.run(instrumented(attribution, Session)(session, "GET"))
    assert (session.sent, session.shown) == (["1.1"], [None])


@pytest.mark.parametrize("of_call", [True, False])
def test_middlewares_of_the_client_s_stay_around_it(
    attribution: Attribution, operation: Operation, of_call: bool
) -> None:
    """One of them may send twice."""

    async def twice(request: Any, handler: Handler) -> str:
        try:
            return await handler(request)
        except OSError:
            return await handler(request)

    session = Session(OSError(), middlewares=() if of_call else (twice,))
    given = {"middlewares": (twice,)} if of_call else {}
    with operation(1):
        asyncio.run(instrumented(attribution, Session)(session, "GET", **given))
    assert session.sent == ["1.1", "1.2"]


def test_without_an_operation_a_call_is_passed_on_as_it_is(attribution: Attribution) -> None:
    """A test's own requests go out as they are."""
    session = Session()
    asyncio.run(instrumented(attribution, Session)(session, "GET"))
    assert session.sent == [None]


def test_without_middlewares_nothing_is_tagged(
    attribution: Attribution, operation: Operation
) -> None:
    """Before 3.12 one tag would have been sent with several heads."""

    class Old:
        async def _request(self, method: str) -> str:
            return method

    with operation(1):
        assert asyncio.run(instrumented(attribution, Old)(Old(), "GET")) == "GET"
