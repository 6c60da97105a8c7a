"""One test's lab: what it serves, what it says, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faultlab.faults import Stall, Status
from faultlab.lab.checks import Finding
from faultlab.lab.errors import FaultError, SetupError, UsageError
from faultlab.lab.history import FaultCleared
from faultlab.lab.testing import Lab, Verdict, apart
from faultlab.lab.tune import FAST

if TYPE_CHECKING:
    from .conftest import Paper


def test_several_faults_are_armed_all_or_none(lab: Lab, paper: Paper) -> None:
    """A half-armed test would pass or fail for the wrong reason."""
    with pytest.raises(FaultError, match="no stall on paper"):
        lab.inject(Status(service="core", code=503), Stall(service="core"))
    assert paper.armed == {}


def test_what_one_would_replace_stays_in_force_when_the_next_can_t_be_armed(
    lab: Lab, paper: Paper
) -> None:
    """Its test would go on without the fault that it believes in."""
    lab.status("core", 503, unfired="ok")
    with pytest.raises(FaultError, match="no stall on paper"):
        lab.inject(Status(service="core", code=500), Stall(service="core"))
    assert [fault.text() for fault in paper.armed.values()] == ["code: 503"]
    assert not any(isinstance(event, FaultCleared) for event in paper.recorded)


@pytest.mark.parametrize(
    "use",
    [
        lambda lab: lab.url("order"),
        lambda lab: lab.down("order"),
        lambda lab: lab.attempts("order"),
        lambda lab: lab.effects("order"),
    ],
)
def test_an_unknown_service_is_named_with_the_known_ones(
    lab: Lab, use: Callable[[Lab], object]
) -> None:
    """A misspelt name that counted 0 would pass."""
    lab.serve("orders", {"GET /orders/{id}": {}})
    with pytest.raises(UsageError) as caught:
        use(lab)
    assert str(caught.value) == (
        "'order' is not served in this test\n"
        "  expected   core, penelope, maba, nis, icarus, metis, noesis, sophia, orders\n"
        "  nearest    orders\n"
        '  mend       lab.serve("order", {"GET /path": {...}})'
    )


@pytest.mark.parametrize("wrong", [None, 7, ["core"], ""])
def test_what_is_no_name_of_a_service_is_told_the_known_ones(lab: Lab, wrong: object) -> None:
    """Nothing of ours is blamed for it, and no routes are proposed for it."""
    with pytest.raises(UsageError) as caught:
        lab.url(wrong)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"{wrong!r} is not served in this test\n"
        "  expected   core, penelope, maba, nis, icarus, metis, noesis, sophia"
    )


def test_a_service_is_served_once(lab: Lab) -> None:
    """The second routes would silently not be those that answer."""
    url = lab.url("core")
    with pytest.raises(UsageError, match=f"^'core' is served already in this test, at {url}\n"):
        lab.serve("core", {"GET /health": {}})


def test_a_lab_tells_its_settings(lab: Lab, paper: Paper) -> None:
    """They stand in the history too, so that a kept one says what it was."""
    lab.url("core")
    assert (lab.env, lab.seed, lab.tune) == ("paper", 7, FAST)
    assert (paper.header.seed, paper.header.run) == (7, "test")
    assert set(paper.header.versions) == {"faultlab", "python"}
    assert repr(lab) == "<Lab of test_orders.py::test_down: core>"


def test_a_closed_lab_keeps_its_history_and_serves_nothing(lab: Lab) -> None:
    """A thread that outlives its test is told so."""
    lab.url("core")
    assert lab.close() is lab.history
    with pytest.raises(UsageError, match="this test is over"):
        lab.serve("orders", {"GET /orders": []})
    with pytest.raises(UsageError, match="this test is over"):
        lab.down("core")


def test_a_lost_place_is_said_once_and_everything_is_closed(lab: Lab, paper: Paper) -> None:
    """The test that did not notice must not pass; what was recorded is shown."""
    lab.status("core", 503)
    paper.gone = True
    with pytest.raises(SetupError, match="ended with code -9"):
        lab.close()
    assert paper.closed == 1
    history, text = lab.report()
    assert len(history) == 2
    assert text.endswith("  the lab process (pid 7) ended with code -9")


def test_a_long_history_is_shown_by_its_ends(lab: Lab, paper: Paper) -> None:
    """The report says how much it left out; the file has it all."""
    for number in range(100):
        paper.request("core", f"/n/{number}")
    history, text = lab.report()
    lines = text.split("\n")
    assert len(history) == 201
    assert len(lines) == 1 + 20 + 1 + 40
    assert "/n/0" in lines[1]
    assert lines[21].strip() == "... 40 rows left out; the file has them ..."
    assert "/n/99" in lines[-1]


def test_a_test_that_outlasts_its_limit_loses_its_services_and_fails(
    paper: Paper, tmp_path: Path
) -> None:
    """A blocked call must return, and a pass after it would prove nothing."""
    lab = Lab(apart(paper), name="test", folder=tmp_path, limit=60)
    lab.url("core")
    lab._take_away()  # what the timer calls
    assert [fault.kind for fault in paper.armed.values()] == ["refused"]
    with pytest.raises(AssertionError, match=r"^the test's limit of 60 s passed"):
        lab.close()


def test_a_stub_is_served_as_its_words_say(lab: Lab) -> None:
    """The fixture's way to a preset; a wrong word is told with the call."""
    lab.serve("core", {"preset": "degraded"})
    with pytest.raises(UsageError) as caught:
        lab.serve("penelope", {"pace": "quick"})
    assert str(caught.value) == (
        "lab.serve('penelope', ...): 'quick' is no slow profile; there are measured, loaded"
    )


@pytest.mark.parametrize(("scenario", "subject"), [(7, None), (None, None), ("down", ["x.py:y"])])
def test_what_names_no_scenario_or_subject_is_told_an_example(
    lab: Lab, scenario: object, subject: object
) -> None:
    """Before anything is started."""
    with pytest.raises(UsageError, match=r"expected   texts, like lab\.run\("):
        lab.run(scenario, subject)  # type: ignore[arg-type]
    assert lab.runs == ()


def test_marks_of_a_scenario_that_was_played_are_no_marks_of_the_test(
    lab: Lab, paper: Paper
) -> None:
    """They are of another history, whose lanes its command has printed."""
    paper.request("orders")
    of_the_test = Finding("C24", "retry-after", "fail", marks=((3, "<- too soon"),))
    of_the_run = Finding("C02", "exact-retries", "fail", marks=((3, "<- 1 of 3"),))
    lab._judged.append(Verdict("fail", findings=[of_the_test], told=["  FAIL C24"]))
    lab._played.append(Verdict("fail", findings=[of_the_run], told=["FAIL gone: C02"]))
    text = lab.report()[1]
    assert "<- too soon" in text
    assert "<- 1 of 3" not in text
    assert text.endswith("\n\n  FAIL C24\n\nFAIL gone: C02")
