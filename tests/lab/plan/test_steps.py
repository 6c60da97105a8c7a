from collections.abc import Callable

import pytest

from faultlab.lab.plan import Inject, Offer, Operate, Plan, Wait
from faultlab.scenarios import CATALOG, catalog
from faultlab.scenarios.dump import dump

Planned = Callable[..., Plan]
STORIES = {name: dump(scenario) for name, scenario in catalog().items()}


@pytest.mark.parametrize("name", CATALOG)
def test_a_plan_survives_its_file(planned: Planned, name: str) -> None:
    """A run folder is judged from what it holds."""
    plan = planned(STORIES[name])
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_the_baseline_is_the_plan_without_its_faults(planned: Planned) -> None:
    """Same operations under the same numbers; all must work, nothing waits for a breaker."""
    armed = planned(STORIES["breaker"])
    calm = armed.disarmed()
    assert [step.ids for step in calm.operations()] == [step.ids for step in armed.operations()]
    assert not any(isinstance(step, Inject) for step in calm.steps)
    assert {step.expect for step in calm.operations()} == {("ok",)}
    assert {step.cancel_after for step in calm.operations()} == {None}
    assert {step.requires for step in calm.operations()} == {()}
    assert {step.faults for step in calm.operations()} == {()}
    assert not any(step.after_reset for step in calm.operations())
    assert [step.seconds for step in calm.steps if isinstance(step, Wait)] == [0.0, 0.0]


def test_the_baseline_keeps_a_wait_of_its_own(planned: Planned) -> None:
    """Only a breaker's time is void where nothing opens it."""
    plan = planned("  - inject: refused\n  - read: connection\n  - wait: 300ms\n")
    assert [step.seconds for step in plan.disarmed().steps if isinstance(step, Wait)] == [0.3]


def test_an_operation_finds_its_step(planned: Planned) -> None:
    """A witness names an operation; the reader wants the line."""
    plan = planned("  - inject: refused\n  - read: connection\n    times: 3\n")
    step = plan.step_of(3)
    assert (step.ids, step.line, step.key) == ((2, 3, 4), 4, "read: connection")
    with pytest.raises(KeyError):
        plan.step_of(99)


def test_a_step_reads_as_in_its_file() -> None:
    """With one outcome or several."""
    step = Operate(
        ids=(1,),
        name="read",
        service="core",
        method="GET",
        path="/a/{id}",
        idempotent=True,
        expect=("timeout", "open"),
        phase="fault",
    )
    assert step.key == "read: [timeout, open]"
    assert step.endpoint == "GET /a/{id}"


def test_an_offer_names_its_endpoint() -> None:
    """As contracts and histories do."""
    offer = Offer(name="read", service="core", method="GET", path="/a/{id}", idempotent=True)
    assert offer.endpoint == "GET /a/{id}"
