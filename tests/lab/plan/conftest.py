"""What the tests of planning share: two subjects, their contracts, and a way to plan a text."""

from collections.abc import Callable

import pytest

from faultlab.lab.contract import Contract, builtin
from faultlab.lab.plan import NotOffered, Offer, Plan, plan
from faultlab.lab.tune import FAST, tuned
from faultlab.scenarios import parse

READ = Offer(name="read", service="core", method="GET", path="/health", idempotent=True)
OTHER = Offer(name="read.other", service="core", method="GET", path="/a/{id}", idempotent=True)
WRITE = Offer(name="write", service="core", method="POST", path="/query", idempotent=False)
ELSE = Offer(name="read.elsewhere", service="side", method="GET", path="/health", idempotent=True)
SLUGS = {"retry-after": "C24", "isolation": "C48", "at-most-once": "C06"}
PROMISES = {"C24": "retry_after", "C48": "breaker"}


@pytest.fixture(scope="session")
def maximus() -> Contract:
    """The reference client's contract, fast."""
    return tuned(builtin("maximus"), FAST)


@pytest.fixture(scope="session")
def httpx() -> Contract:
    """A client without retries and without breaker."""
    return builtin("httpx")


@pytest.fixture(scope="session")
def offers() -> dict[str, Offer]:
    """Every role, by name."""
    return {offer.name: offer for offer in (READ, OTHER, WRITE, ELSE)}


@pytest.fixture(scope="session")
def planned(maximus: Contract, offers: dict[str, Offer]) -> Callable[..., Plan | NotOffered]:
    """Plan the fault phase (or the whole text) of a scenario for a subject."""

    def of(
        steps: str,
        contract: Contract = maximus,
        names: str = "read read.other write read.elsewhere",
    ) -> Plan | NotOffered:
        text = steps if steps.startswith("scenario") else f"scenario: A\nfault:\n{steps}"
        return plan(
            parse(text.encode(), "a.yaml"),
            contract,
            [offers[name] for name in names.split()],
            seed=7,
            environment="embedded",
            tune="fast",
            subject="orders",
            slugs=SLUGS,
            promises=PROMISES,
        )

    return of
