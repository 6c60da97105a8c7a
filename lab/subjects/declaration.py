"""What the author of an adapter writes: `@subject(...)` and `op(...)`.

Exported as `faultlab.subject` and `faultlab.op`; quick to import, as every test that uses the lab
imports it. Knows how a subject is declared and entered, never how it is run. What is declared
wrong raises ValueError or TypeError where it stands; whoever runs the code adds file and line.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from ..methods import IDEMPOTENT, METHODS
from .command_line import CommandLine

if TYPE_CHECKING:
    from ..tune import Tune

__all__ = [
    "Contract",
    "Factory",
    "Op",
    "Subject",
    "entered",
    "op",
    "subject",
]

_ARGUMENTS = ("urls", "tune", "seed")
_ENDPOINT = re.compile(r"(?:(?P<service>\S+) )?(?P<method>[A-Z]+) (?P<path>/\S*)")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_ROUTE = "GET /orders/{id}"

Factory: TypeAlias = Callable[..., Any]
Contract: TypeAlias = "str | Mapping[str, object] | None"


# --- operations ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of a subject. `service` is None where its subject has only one.

    `keyed`: the call passes an idempotency key, so that the client may repeat it.
    """

    service: str | None
    method: str
    path: str
    idempotent: bool
    keyed: bool
    call: Callable[[], object] | CommandLine

    @property
    def is_async(self) -> bool:
        """Whether it runs on the loop, where it can be cancelled, and not in a thread."""
        call = self._called
        if isinstance(call, CommandLine):
            return True
        return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
            getattr(call, "__call__", None)  # noqa: B004  # an object whose call is async
        )

    @property
    def place(self) -> str:
        """Where the function stands that it calls, as `shop.py:14, Orders.get`; empty: nothing tells."""
        called = self._called
        if isinstance(called, CommandLine):
            return ""
        own = getattr(called, "__call__", None)  # noqa: B004  # of an object that is called
        codes = (getattr(one, "__code__", None) for one in (inspect.unwrap(called), own))
        code = next(filter(None, codes), None)
        if code is None:
            return ""
        return f"{PurePath(code.co_filename).name}:{code.co_firstlineno}, {code.co_qualname}"

    @property
    def endpoint(self) -> str:
        """Method and path template, as contracts and histories name it."""
        return f"{self.method} {self.path}"

    @property
    def _called(self) -> Callable[..., object] | CommandLine:
        call: Callable[..., object] | CommandLine = self.call
        while isinstance(call, partial):
            call = call.func
        return call


def op(
    endpoint: str,
    call: Callable[..., object] | CommandLine | str,
    *args: object,
    idempotent: bool | None = None,
    **kwargs: object,
) -> Op:
    """Declare an operation: `call(*args, **kwargs)` sends `endpoint`, `METHOD /path/{template}`.

    The service stands in front where there are several: `core GET /health`. `idempotent` follows
    from the method unless given. `call` is a function, async or sync; or a text, a command that is
    started anew each time, split into words as a shell does it, with no shell.
    """
    found = _matched(endpoint)
    if found is None:
        raise ValueError(
            f"op({endpoint!r}, ...): not an endpoint; write METHOD /path, for example {_ROUTE!r},"
            f" the service in front where there are several: 'orders {_ROUTE}'"
        )
    method = found["method"]
    if method not in METHODS:
        raise ValueError(
            f"op({endpoint!r}, ...): {method} is no method; one of {', '.join(METHODS)}"
        )
    if isinstance(call, str):
        try:
            call = CommandLine.parse(call)
        except ValueError as error:
            raise ValueError(f"op({endpoint!r}, ...): {error}") from error
    if isinstance(call, CommandLine):
        if args or kwargs:
            raise TypeError(
                f"op({endpoint!r}, ...): a command has its arguments in its text; none behind it"
            )
    elif not callable(call):
        raise TypeError(
            f"op({endpoint!r}, ...): expected a function to call, or a command as a text, got"
            f" {_shown(call)}; write a function's arguments behind it: op(..., client.get, 7)"
        )
    return Op(
        service=found["service"],
        method=method,
        path=found["path"],
        idempotent=method in IDEMPOTENT if idempotent is None else idempotent,
        keyed=call.keyed if isinstance(call, CommandLine) else _has_key(kwargs),
        call=call if isinstance(call, CommandLine) else partial(call, *args, **kwargs),
    )


def _matched(endpoint: object) -> re.Match[str] | None:
    return _ENDPOINT.fullmatch(endpoint) if isinstance(endpoint, str) else None


def _has_key(kwargs: Mapping[str, object]) -> bool:
    """Whether a call passes an idempotency key, as an argument or as a header."""
    if kwargs.get("idempotency_key") is not None:
        return True
    headers = kwargs.get("headers")
    return isinstance(headers, Mapping) and any(
        isinstance(name, str) and name.lower() == "idempotency-key" for name in headers
    )


# --- subjects ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subject:
    """A declared subject. `factory` takes those of urls, tune and seed that it `asks` for.

    `services` tells who serves each, as its author wrote it: `commands.py` reads that, as it would
    make the import of this module slow.

    `file` is where it was declared, for messages and for what its contract names beside it.
    """

    name: str
    services: Mapping[str, object]
    contract: Contract
    factory: Factory
    asks: tuple[str, ...]
    file: str

    def service_of(self, operation: Op) -> str:
        """The service of one of its operations. ValueError where it names none or an unknown one."""
        if operation.service is None:
            if len(self.services) == 1:
                return next(iter(self.services))
            raise ValueError(
                f"op({operation.endpoint!r}, ...): name the service in front, {self.name} has"
                f" several: {', '.join(self.services)}"
            )
        if operation.service in self.services:
            return operation.service
        nearest = get_close_matches(operation.service, self.services, 1)
        raise ValueError(
            f"op('{operation.service} {operation.endpoint}', ...): {operation.service!r} is no"
            f" service of {self.name}; "
            + (f"nearest: {nearest[0]}" if nearest else f"it has {', '.join(self.services)}")
        )

    def offers(self, given: object) -> Mapping[str, Op]:
        """What its factory yielded, examined; ValueError or TypeError says what is wrong."""
        if not isinstance(given, Mapping) or not given:
            raise TypeError(
                f"{self.name} yielded {_shown(given)}; expected names with operations:"
                f" {{'read': op({_ROUTE!r}, ...)}}"
            )
        for name, operation in given.items():
            if not isinstance(name, str) or not name:
                raise TypeError(f"{self.name} yielded {name!r} as the name of an operation")
            if not isinstance(operation, Op):
                raise TypeError(
                    f"{self.name} yielded {_shown(operation)} as {name!r};"
                    f" expected op({_ROUTE!r}, ...)"
                )
            self.service_of(operation)
        return MappingProxyType(dict(given))

    def arguments(self, urls: Mapping[str, str], tune: Tune | None, seed: int) -> dict[str, object]:
        """What its factory is called with: only what it asks for."""
        known: dict[str, object] = {"urls": dict(urls), "tune": tune, "seed": seed}
        return {name: known[name] for name in self.asks}


def subject(
    *, services: Mapping[str, object], contract: Contract = None
) -> Callable[[Factory], Subject]:
    """Declare a subject: the decorated generator takes `urls` and yields operations by name.

    `services`: for each name routes, an OpenAPI file beside the author's own, a URL, a built-in
    stub's name, a command (`cmd:./orders --port {port}`, started beside the author's file), an image
    (`image:nginx:1.27@80`), or a mapping of words: who serves (`routes`, `openapi`, `url`, `stub`,
    `command`, `image`) and what it is like (`preset`, `pace`, `honours_idempotency_key`; `port`,
    `environment`, `ready`, `ready_within`). `contract`: what
    the client promises; a built-in's name, a file, or a mapping; left out, only checks that need no
    promise are judged. The generator, async or sync, or a context manager's function, may also ask for
    `tune` and `seed` by these names.
    """
    named = _named(services)
    _examine_contract(contract)

    def declared(function: Factory) -> Subject:
        return Subject(
            name=function.__name__,
            services=named,
            contract=contract,
            factory=_context_manager(function),
            asks=_asks(function),
            file=inspect.getsourcefile(inspect.unwrap(function)) or "",
        )

    return declared


def _named(services: object) -> Mapping[str, object]:
    if not isinstance(services, Mapping) or not services:
        raise TypeError(
            f"subject(services=...): expected names with who serves them, got {_shown(services)}"
        )
    for name in services:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise ValueError(f"subject(services=...): {name!r} is no name of a service")
    return MappingProxyType(dict(services))


def _examine_contract(contract: object) -> None:
    if contract is not None and not isinstance(contract, str | Mapping):
        raise TypeError(
            "subject(contract=...): expected a built-in's name, a file or a mapping,"
            f" got {_shown(contract)}"
        )


def _context_manager(function: Factory) -> Factory:
    if inspect.isasyncgenfunction(function):
        return asynccontextmanager(function)
    if inspect.isgeneratorfunction(function):
        return contextmanager(function)
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"{function.__name__} returns; a subject yields its operations")
    return function


def _asks(function: Factory) -> tuple[str, ...]:
    asked: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in _ARGUMENTS and parameter.kind is not parameter.POSITIONAL_ONLY:
            asked.append(name)
        elif parameter.default is parameter.empty:
            raise TypeError(
                f"{function.__name__} asks for {name!r}; a subject may ask for"
                f" {', '.join(_ARGUMENTS)}, by these names"
            )
    if "urls" not in asked:
        raise TypeError(
            f"{function.__name__} doesn't ask for 'urls'; its client must call the lab's addresses"
        )
    return tuple(asked)


@asynccontextmanager
async def entered(
    subject: Subject, urls: Mapping[str, str], tune: Tune | None, seed: int
) -> AsyncIterator[Mapping[str, Op]]:
    """Enter a subject's factory, and leave it: by the task, and on the loop, of the caller."""
    context = subject.factory(**subject.arguments(urls, tune, seed))
    if hasattr(context, "__aenter__"):
        async with context as given:
            yield subject.offers(given)
    elif hasattr(context, "__enter__"):
        with context as given:
            yield subject.offers(given)
    else:
        if inspect.isawaitable(context):
            _discard(context)
        raise TypeError(
            f"{subject.name} returned {_shown(context)}; a subject yields its operations"
        )


def _discard(awaitable: Awaitable[object]) -> None:
    if inspect.iscoroutine(awaitable):
        awaitable.close()


def _shown(value: object) -> str:
    """A value for a message: short, with its type."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
