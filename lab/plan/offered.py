"""The operations that a subject offers, and what a file's names mean among them.

Counterpart: `calls.py` and `injects.py` ask. Knows no contract and no step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...scenarios import ROLES
from ...scenarios.errors import nearest
from .scope import overlap
from .steps import Offer

_SHORT = 40  # characters of a name that stands in the middle of sentences


class Offered:
    """What one subject offers, in its order; `subject` is its name for messages.

    `foreign`: the address of each server behind its services that the lab did not start.
    """

    def __init__(
        self, subject: str, offers: Sequence[Offer], foreign: Mapping[str, str] | None = None
    ) -> None:
        self.subject = subject if len(subject) <= _SHORT else "the subject"
        self.foreign = {} if foreign is None else dict(foreign)
        self.offers = tuple(offers)

    @property
    def services(self) -> tuple[str, ...]:
        """The services that it calls, each once."""
        return tuple(dict.fromkeys(offer.service for offer in self.offers))

    def named(self, name: str) -> Offer | None:
        """The operation of this name."""
        return next((offer for offer in self.offers if offer.name == name), None)

    def lacks(self, name: str) -> str:
        """Why an operation is not offered."""
        if name == "read.elsewhere" and len(self.services) == 1:
            return f"{self.subject} has one service"
        close = None if name in ROLES else nearest(name, (offer.name for offer in self.offers))
        hint = f" (nearest: {close})" if close else ""
        return f"{self.subject} has no operation `{name}`{hint}"

    def home(self, endpoint: str | None) -> str | None:
        """The service of `read`; else the only one there is, or that calls this endpoint."""
        read = self.named("read")
        if read is not None:
            return read.service
        services = {
            offer.service for offer in self.offers if endpoint is None or _means(endpoint, offer)
        }
        return next(iter(services)) if len(services) == 1 else None

    def serves(self, service: str, endpoint: str) -> bool:
        """Whether an operation of the service can be meant by an endpoint pattern."""
        return any(offer.service == service and _means(endpoint, offer) for offer in self.offers)

    def endpoints(self, service: str) -> tuple[str, ...]:
        """What is called of a service, each once."""
        return tuple(
            dict.fromkeys(offer.endpoint for offer in self.offers if offer.service == service)
        )


def _means(endpoint: str, offer: Offer) -> bool:
    return overlap(endpoint, offer.method, offer.path)
