"""What the tests of planning share: two subjects, their contracts, and a way to plan a text."""

from collections.abc import Callable, Mapping

import pytest

from faultlab.lab.checks import ALL
from faultlab.lab.contract import Contract, builtin
from faultlab.lab.plan import Enter, Inject, NotOffered, Offer, Operate, Plan, Step, Wait, plan
from faultlab.lab.tune import FAST, tuned
from faultlab.scenarios import parse

READ = Offer(name="read", service="core", method="GET", path="/health", idempotent=True)
OTHER = Offer(name="read.other", service="core", method="GET", path="/a/{id}", idempotent=True)
WRITE = Offer(name="write", service="core", method="POST", path="/query", idempotent=False)
ELSE = Offer(name="read.elsewhere", service="side", method="GET", path="/health", idempotent=True)
BLOCKING = READ.model_copy(update={"name": "blocking", "cancellable": False})
SLUGS = {info.slug: info.id for info in ALL}
PROMISES = {"C24": "retry_after", "C25": "retry_after", "C48": "breaker"}


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
    """Every role, by name, and a call that is not async."""
    return {offer.name: offer for offer in (READ, OTHER, WRITE, ELSE, BLOCKING)}


@pytest.fixture(scope="session")
def planned(maximus: Contract, offers: dict[str, Offer]) -> Callable[..., Plan | NotOffered]:
    """Plan the fault phase (or the whole text) of a scenario for a subject."""

    def of(
        steps: str,
        contract: Contract = maximus,
        names: str = "read read.other write read.elsewhere",
        foreign: Mapping[str, str] | None = None,
        environment: str = "embedded",
    ) -> Plan | NotOffered:
        text = steps if steps.startswith("scenario") else f"scenario: A\nfault:\n{steps}"
        return plan(
            parse(text.encode(), "a.yaml"),
            contract,
            [offers[name] for name in names.split()],
            seed=7,
            environment=environment,
            tune="fast",
            subject="orders",
            slugs=SLUGS,
            promises=PROMISES,
            foreign=foreign,
        )

    return of


def short(step: Step) -> str:
    """A step on one line."""
    match step:
        case Enter():
            return step.phase + (" implied" if step.implied else "")
        case Inject():
            return f"inject {step.fault.kind} {step.id}"
        case Wait():
            return f"wait {step.seconds:g}"
        case Operate():
            ids = f"{step.ids[0]}-{step.ids[-1]}" if len(step.ids) > 1 else f"{step.ids[0]}"
            return f"{ids} {step.key}"
        case _:
            return step.kind


@pytest.fixture(scope="session")
def told() -> Callable[[Plan | NotOffered], list[str]]:
    """A plan's steps, short."""

    def of(found: Plan | NotOffered) -> list[str]:
        assert isinstance(found, Plan)
        return [short(step) for step in found.steps]

    return of


@pytest.fixture(scope="session")
def skips() -> Callable[[Plan | NotOffered], list[tuple[int | None, str]]]:
    """What was left out, and why."""

    def of(found: Plan | NotOffered) -> list[tuple[int | None, str]]:
        return [(skipped.line, skipped.reason) for skipped in found.skipped]

    return of
