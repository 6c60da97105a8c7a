"""What the command line says beside a subject's name: who serves, and what is promised.

Counterpart: `@subject(services=..., contract=...)`, which this adds to or replaces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from ..backends.maximus import BUILTIN
from ..backends.specification import Image, Specification, parse
from ..contract import Contract, ContractError, named
from ..errors import UsageError
from ..redaction import redacted

__all__ = ["Given", "demand_served", "read_given"]


@dataclass(frozen=True, slots=True)
class Given:
    """Who serves some services, what the subject promises (None: as it says itself), and the words
    of the command line that say so, for a run to be repeated."""

    services: Mapping[str, Specification] = field(default_factory=dict)
    contract: Contract | None = None
    words: tuple[str, ...] = ()

    def beside(self, images: Mapping[str, Image]) -> Given:
        """The same, and these images for services of which it says nothing."""
        more = {name: image for name, image in images.items() if name not in self.services}
        words = [
            word for name, image in more.items() for word in ("--service", _shown(name, image))
        ]
        return Given({**self.services, **more}, self.contract, (*self.words, *words))


def read_given(services: Sequence[str], contract: str | None) -> Given:
    """What `--service NAME=WHO`, any number of them, and `--contract C` mean. Raises UsageError."""
    return Given(
        dict(_service(text) for text in services),
        None if contract is None else _contract(contract),
        tuple(_words(services, contract)),
    )


def demand_served(
    subject: str,
    declared: Mapping[str, object],
    unserved: Sequence[str],
    given: Mapping[str, object],
) -> None:
    """Raise UsageError for a service that nobody serves, and for one that the subject does not have.

    `declared`: those of which the subject says who serves them, `unserved` its others.
    """
    for name in unserved:
        if name not in given:
            near = get_close_matches(name, BUILTIN, 1)
            raise UsageError(
                f"{subject}: {{{name}}} is no service that comes with the lab",
                nearest=f"{{{near[0]}}}" if near else "",
                mend=f"say who serves it: --service {name}=http://127.0.0.1:9000; or write"
                f" {{{{{name}}}}} for the text {{{name}}}",
            )
    known = (*declared, *unserved)
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise UsageError(
                f"--service {name}: {subject} has no service of this name",
                **({"nearest": near[0]} if near else {"expected": ", ".join(known)}),
            )


def _service(text: str) -> tuple[str, Specification]:
    name, equals, who = text.partition("=")
    if not equals or not name or not who:
        raise UsageError(
            f"--service {redacted(text)}: not NAME=WHO",
            expected="a URL, a command, an image, an OpenAPI file, a built-in stub or routes:"
            """ orders=http://127.0.0.1:9000, 'orders=cmd:./orders --port {port}',"""
            """ orders=image:nginx:1.27@80, orders='{"GET /orders/{id}": {"id": 7}}'""",
        )
    try:
        return name, parse(json.loads(who) if who.startswith("{") else who, name)
    except ValueError as error:
        raise UsageError(f"--service {name}: {redacted(str(error))}") from error


def _shown(name: str, image: Image) -> str:
    words = {"image": image.image, "port": image.port, "ready": image.ready}
    return f"{name}={json.dumps(words)}"


def _contract(text: str) -> Contract:
    try:
        return named(text)
    except ContractError as error:
        raise UsageError(f"--contract {text}: {error}") from error


def _words(services: Sequence[str], contract: str | None) -> Iterator[str]:
    for text in services:
        yield from ("--service", redacted(text))
    if contract is not None:
        yield from ("--contract", contract)
