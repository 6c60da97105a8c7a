"""What an error tells beside its class: the corners of the claim."""

from typing import Any

import pytest

from faultlab.lab import history as h
from faultlab.lab.contract import parse

OWN = ("shop.Unreachable", "shop.ShopError", "builtins.Exception")
REFUSED = h.Raised(
    classes=("builtins.ConnectionRefusedError", "builtins.OSError"), message="refused", via="cause"
)
GOOD = {"attempts": 1, "elapsed": 0.004}


def lost(story: Any, *chain: h.Raised, error: str = "", **first: Any) -> Any:
    """A write that was cut off, and raised the shop's own error with this behind it."""
    told = story().begin(1, 0.1, "write").on(h.AttemptBegun, 0.1, op=1, attempt=1)
    told.start(1, 1, 0.101).close(0.102, by="lab")
    told.on(h.AttemptEnded, 0.103, op=1, attempt=1, error=error)
    own = h.Raised(**{"classes": OWN, "attributes": GOOD, **first})
    return told.on(h.OpFailed, 0.105, op=1, errors=(own, *chain))


def test_a_secret_is_told_of_any_client(story: Any, found: Any) -> None:
    """No contract has to forbid it, and a log prints the whole chain."""
    below = h.Raised(classes=("httpx.ReadError",), via="cause", secrets=("token", "api_key"))
    finding = found("C62", lost(story, below), None)
    assert (
        finding.seen == "the text of httpx.ReadError that `write` raised tells `token`, `api_key`"
    )
    assert finding.promised == "no text of an error tells a secret"
    assert found("C62", lost(story), None).outcome == "pass"


def test_the_cause_is_the_one_that_the_transport_raised(story: Any, found: Any) -> None:
    """A cause that has nothing to do with the failure sends its reader astray."""
    unrelated = h.Raised(classes=("builtins.KeyError", "builtins.Exception"), via="cause")
    finding = found("C62", lost(story, unrelated, error="httpx.ReadError"))
    assert finding.seen == (
        "`write` met eof_before_response and ended as shop.Unreachable"
        " with builtins.KeyError as its cause"
    )
    assert finding.promised == "its cause is the transport's error, httpx.ReadError"
    assert finding.field == "carries.cause: transport"


@pytest.mark.parametrize("error", ["", "builtins.ConnectionRefusedError", "other.Refused"])
def test_what_wraps_the_transport_s_error_is_as_good(story: Any, found: Any, error: str) -> None:
    """A client may sit on a library that sits on another."""
    wrapped = h.Raised(classes=("lib.Failed", "builtins.Exception"), via="cause")
    assert found("C62", lost(story, wrapped, REFUSED, error=error)).outcome == "pass"


def test_what_is_under_way_by_chance_is_no_cause(story: Any, found: Any) -> None:
    """Whoever states no cause may lose it with the next `from None`."""
    near = h.Raised(classes=REFUSED.classes, via="context")
    assert found("C62", lost(story, near)).seen.endswith("shop.Unreachable with no cause")


def test_the_transport_s_own_error_needs_no_cause(story: Any, found: Any) -> None:
    """It is the end of the chain."""
    told = lost(story, error="shop.Unreachable")
    assert found("C62", told).outcome == "pass"


def test_a_chain_that_was_cut_off_may_hold_the_cause(story: Any, found: Any) -> None:
    """What was not recorded is not held against anyone."""
    links = [h.Raised(classes=("lib.Failed",), via="cause")] * (h.CHAIN - 1)
    assert found("C62", lost(story, *links[1:], error="x.Y")).outcome == "fail"
    assert found("C62", lost(story, *links, error="x.Y")).outcome == "pass"


def test_a_cut_attempt_has_another_cause(story: Any, found: Any) -> None:
    """A deadline ends the transport by cancellation, and tells of its own time-out."""
    late = h.Raised(classes=("builtins.TimeoutError", "builtins.OSError"), via="cause")
    told = lost(story, late, error="asyncio.exceptions.CancelledError")
    assert found("C62", told).outcome == "pass"


def test_a_status_has_no_cause_to_keep(story: Any, found: Any) -> None:
    """Nothing failed in the transport."""
    own = h.Raised(classes=("shop.BadStatus", *OWN[1:]), attributes=GOOD)
    told = story().begin(1, 0.1).meet(1, 1, 0.102, 404).on(h.OpFailed, 0.105, op=1, errors=(own,))
    assert found("C62", told).outcome == "pass"


@pytest.mark.parametrize(
    ("attributes", "seen"),
    [
        ({"elapsed": 0.004}, "`attempts` of the shop.Unreachable of `write`: it does not carry it"),
        (
            {"attempts": 1, "elapsed": None},
            "`elapsed` of the shop.Unreachable of `write`: it carries None",
        ),
        (
            {"attempts": 3, "elapsed": 0.004},
            "`attempts` of the shop.Unreachable of `write`: it says 3, and the wire saw 1 attempt",
        ),
        (
            {"attempts": 1, "elapsed": 4.0},
            (
                "`elapsed` of the shop.Unreachable of `write`:"
                " it says 4.000 s, and the operation took 0.005 s"
            ),
        ),
    ],
)
def test_attributes_are_there_and_true(
    story: Any, found: Any, attributes: dict[str, Any], seen: str
) -> None:
    """Whoever reads `attempts=1` does not look for the other eight."""
    finding = found("C62", lost(story, REFUSED, attributes=attributes))
    assert (finding.outcome, finding.seen) == ("fail", seen)


@pytest.mark.parametrize(("said", "outcome"), [(1, "pass"), (2, "pass"), (3, "fail"), (0, "fail")])
def test_a_deadline_may_cut_an_attempt_before_its_head(
    story: Any, found: Any, said: int, outcome: str
) -> None:
    """The client had begun it, and the wire saw at most an answered connect, which is no attempt."""
    contract = parse(
        {"carries": {"attributes": "attempts"}, "errors": {"deadline": "shop.Unreachable"}}, "cut"
    )
    assert found("C62", lost(story, attributes={"attempts": said}), contract).outcome == outcome


def test_what_was_not_read_is_not_judged(story: Any, found: Any) -> None:
    """A property's value is not known, and that it is there is."""
    told = lost(story, REFUSED, attributes=dict.fromkeys(GOOD, "<property>"))
    assert found("C62", told).outcome == "pass"


def test_an_error_that_is_not_the_client_s_own_carries_nothing(story: Any, found: Any) -> None:
    """It is reported once, as the foreign error that it is."""
    told = lost(story, classes=("httpx.ReadError", "builtins.Exception"), attributes={})
    assert (found("C62", told).outcome, found("C60", told).outcome) == ("pass", "fail")


def test_a_contract_may_ask_for_one_of_the_two(story: Any, found: Any) -> None:
    """What is left open is not judged."""
    named = parse({"carries": {"attributes": "attempts"}}, "named")
    assert found("C62", lost(story, attributes={"attempts": 1}), named).outcome == "pass"
    caused = parse({"carries": {"cause": "transport"}}, "caused")
    assert found("C62", lost(story, attributes={}), caused).outcome == "fail"
