"""The catalog on the synchronous client, whose operations run in threads."""

from collections.abc import Callable, Mapping

import pytest

from faultlab.lab.results import Result
from faultlab.scenarios import catalog

pytestmark = [pytest.mark.story, pytest.mark.wire, pytest.mark.timeout(300)]


def test_the_synchronous_client_passes_the_catalog(
    on_sync: Mapping[str, Result], against: Callable[[Result], list[str]]
) -> None:
    """What is found in its planted bugs is the bugs', not its own."""
    told = {story: against(result) for story, result in on_sync.items()}
    assert {story: lines for story, lines in told.items() if lines} == {}
    assert {story: result.verdict for story, result in on_sync.items()} == dict.fromkeys(
        catalog(), "pass"
    )


def test_a_step_that_a_thread_can_t_take_is_not_offered(on_sync: Mapping[str, Result]) -> None:
    """Without a deadline nothing may be expected to end by it."""
    missing = [it.reason for result in on_sync.values() for it in result.plan.skipped]
    assert "the contract leaves deadline.total open" in missing
