"""Errors of the client's own code: what is one, what isn't, and that it is said once."""

from typing import Any

import pytest

from faultlab.lab import history as h
from faultlab.lab.contract import parse


def ended(story: Any, name: str, met: int | str, *chain: h.Raised, message: str = "") -> Any:
    """A read that met a status or a damaged 200, and raised this."""
    told = story().begin(1, 0.1)
    told.meet(1, 1, 0.2, 200, damaged=met) if isinstance(met, str) else told.meet(1, 1, 0.2, met)
    raised = h.Raised(classes=(name, "builtins.Exception"), message=message)
    return told.on(h.OpFailed, 0.3, op=1, errors=(raised, *chain))


@pytest.mark.parametrize(
    ("name", "met", "outcome"),
    [
        ("builtins.TypeError", 503, "fail"),
        ("builtins.KeyError", 503, "fail"),
        ("builtins.NameError", 404, "fail"),
        ("json.decoder.JSONDecodeError", 502, "fail"),
        ("builtins.KeyError", 404, "pass"),  # `raise KeyError(order)` says what 404 says
        ("builtins.KeyError", "wrong_schema", "pass"),  # that is how it shows
        ("json.decoder.JSONDecodeError", "bad_json", "pass"),
        ("builtins.UnboundLocalError", "bad_json", "fail"),
        ("builtins.RuntimeError", 503, "pass"),  # may be somebody's own words
        ("builtins.AssertionError", 503, "pass"),  # a test's
        ("shop.TypeError", 503, "pass"),
        ("httpx.HTTPStatusError", 503, "pass"),
    ],
)
def test_an_error_is_foreign_where_no_answer_can_bring_it_about(
    story: Any, found: Any, name: str, met: int | str, outcome: str
) -> None:
    """Without a contract a client may raise what it likes, but not stumble."""
    assert found("C64", ended(story, name, met), None).outcome == outcome


def test_the_finding_tells_where_to_look(story: Any, found: Any) -> None:
    """The text of a stumble names the line better than we could."""
    told = ended(story, "builtins.AttributeError", 503, message="'NoneType' has no attribute 'id'")
    finding = found("C64", told, None)
    assert finding.seen == (
        "`read` met status:503 and ended as builtins.AttributeError:"
        " 'NoneType' has no attribute 'id'"
    )
    assert finding.promised == "it ends as status:503, or as an error that the client declares"


def test_what_somebody_raised_from_the_failure_is_chosen(story: Any, found: Any) -> None:
    """`raise LookupError(name) from error` is a translation."""
    cause = h.Raised(classes=("httpx.HTTPStatusError",), via="cause")
    chance = h.Raised(classes=("httpx.HTTPStatusError",), via="context")
    assert found("C64", ended(story, "builtins.KeyError", 503, cause), None).outcome == "pass"
    assert found("C64", ended(story, "builtins.KeyError", 503, chance), None).outcome == "fail"


def test_what_the_contract_declares_is_not_foreign(story: Any, found: Any) -> None:
    """A contract may be odd."""
    odd = parse({"errors": {"status": "builtins.KeyError"}}, "odd")
    assert found("C64", ended(story, "builtins.KeyError", 503), odd).outcome == "pass"


def test_a_stumble_behind_the_declared_wrapper_is_seen(story: Any, found: Any) -> None:
    """It was retried like a failure of the backend, and says so."""
    contract = parse({"exhausted": "wrapper:RetryError", "errors": {"status": "BadStatus"}}, "x")
    inner = h.Raised(classes=("builtins.TypeError", "builtins.Exception"), via="cause")
    assert found("C64", ended(story, "tenacity.RetryError", 503, inner), contract).outcome == "fail"


@pytest.mark.parametrize(
    ("name", "says"), [("builtins.TypeError", "C64"), ("json.decoder.JSONDecodeError", "C60")]
)
def test_one_escape_is_reported_once(story: Any, found: Any, name: str, says: str) -> None:
    """A stumble tells more as one; a library's error, as one that was not translated."""
    told = ended(story, name, 404)
    failed = [check for check in ("C60", "C61", "C64") if found(check, told).outcome == "fail"]
    assert failed == [says]


def test_without_a_failure_there_is_nothing_to_differ_from(story: Any, found: Any) -> None:
    """A stumble over a good answer is seen without any fault, in the baseline."""
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 200).fail(1, 0.3, "builtins.TypeError")
    assert found("C64", told, None).outcome == "not_exercised"


def test_a_stumble_after_a_retry_that_worked_is_one(story: Any, found: Any) -> None:
    """The failure left something behind that the good answer met."""
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 503).meet(1, 2, 0.7, 200)
    assert found("C64", told.fail(1, 0.9, "builtins.TypeError"), None).outcome == "fail"
