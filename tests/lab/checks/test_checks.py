"""Every check over its golden histories, and over spoiled copies of those that it passes."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faultlab.lab import history as h
from faultlab.lab.attempts import Reading, read
from faultlab.lab.checks import ALL, by_slug, put
from faultlab.lab.verdict import judge

GOLDEN = Path(__file__).parents[3] / "fixtures" / "golden"
IDS = [info.id for info in ALL]
NEVER_FAIL = {"C90", "C91", "C97"}
REJECTED = (h.Raised(classes=("shop.Rejected", "shop.ShopError")),)
FOREIGN = (h.Raised(classes=("json.decoder.JSONDecodeError", "builtins.ValueError")),)
REFUSED = (h.Raised(classes=("shop.BadStatus", "shop.ShopError")),)
UNREACHABLE = (h.Raised(classes=("shop.Unreachable", "shop.ShopError")),)
NAMELESS = (h.Raised(classes=("builtins.NameError", "builtins.Exception")),)
CRASHED = (h.Raised(classes=("builtins.TypeError", "builtins.Exception")),)


def lost(**attributes: Any) -> tuple[h.Raised, ...]:
    """The passing history's exception with other attributes."""
    end = h.Raised(classes=("httpx.RemoteProtocolError", "builtins.Exception"), via="cause")
    return (h.Raised(classes=("shop.Unreachable", "shop.ShopError"), attributes=attributes), end)


LOST = lost(attempts=1, elapsed=0.004)
UNRELATED = h.Raised(classes=("builtins.ValueError", "builtins.Exception"), via="cause")
BY_CHANCE = h.Raised(classes=LOST[1].classes, via="context")
TELLING = h.Raised(classes=LOST[0].classes, attributes=LOST[0].attributes, secrets=("x-api-key",))

BAD = (h.Raised(classes=("shop.BadStatus", "shop.ShopError")),)


def rejected(altered: Any, first: int) -> Any:
    """The last operation, whose one attempt begins at this event, is rejected."""
    without = altered.without(first, first + 1, first + 2)
    return without.instead(first + 3, h.OpFailed, errors=REJECTED)


def late(told: Any) -> Any:
    """Its operation ends as it should, a while later."""
    return told.instead(10, h.OpFailed, errors=REFUSED).moved(5, 10)


def in_step(told: Any, *waits: float | None) -> Any:
    """Before each retry every operation waits as long as the others; None: as it did."""
    connects: dict[int, list[Any]] = defaultdict(list)
    for event in told.events:
        if isinstance(event, h.ConnectAttempted):
            connects[event.op or 0].append(event)
        elif isinstance(event, h.OpFailed):
            told.moved(1, event.index)
    for first, *later in connects.values():
        t, before = first.t, first.t
        for wait, event in zip(waits, later, strict=True):
            t += event.t - before if wait is None else wait
            before = event.t
            told.changed(event.index, t=t)
    return told


# check -> what is done to the history that it passes, with the indices of its events
SPOILED: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("C01", "a fourth attempt", lambda a: a.moved(2, 13).copied(1.6, 10, 11, 12, request=4)),
    ("C02", "one attempt less", lambda a: a.without(8)),
    ("C03", "one more after the success", lambda a: a.moved(2, 10).copied(1, 7, 8, 9, request=3)),
    ("C04", "one more after 404", lambda a: a.moved(2, 7).copied(1, 4, 5, 6, request=2)),
    ("C04", "no other after 503", lambda a: a.changed(5, status=503)),
    ("C05", "sent twice", lambda a: a.moved(2, 7).copied(1, 4, 5, 6, request=2)),
    ("C06", "two effects", lambda a: a.copied(0.0001, 6)),
    ("C20", "no wait", lambda a: a.moved(-0.39, 7, 8, 9)),
    ("C20", "too long a wait", lambda a: a.moved(0.2, 7, 8, 9, 10)),
    ("C21", "a constant wait", lambda a: a.moved(-0.4, 10, 11, 12, 13)),
    ("C21", "begun anew", lambda a: a.moved(-0.5, 10, 11, 12, 13)),
    ("C22", "always the same", lambda a: in_step(a, 0.4, 0.8)),
    ("C22", "the second always the same", lambda a: in_step(a, None, 0.75)),
    ("C24", "a shorter wait", lambda a: a.moved(-0.01, 7, 8, 9)),
    ("C25", "at once", lambda a: a.moved(-0.39, 7, 8, 9, 10)),
    ("C25", "slept on", lambda a: a.moved(2, 7, 8, 9, 10)),
    ("C25", "crashed", lambda a: a.without(7, 8, 9).instead(10, h.OpFailed, errors=FOREIGN)),
    ("C25", "given up", lambda a: a.without(7, 8, 9).instead(10, h.OpFailed, errors=REFUSED)),
    ("C25", "an hour", lambda a: late(a.changed(5, retry_after="3600").without(7, 8, 9))),
    ("C26", "more patience", lambda a: a.moved(0.1, 5, 6)),
    ("C27", "more time", lambda a: a.moved(0.2, 8, 9)),
    ("C27", "let go of, and not over", lambda a: a.moved(0.2, 9)),
    ("C27", "begun earlier", lambda a: a.moved(-0.2, 3)),
    ("C27", "all of it came, too late", lambda a: a.moved(0.2, 8, 9).instead(9, h.OpOk)),
    ("C27", "never over", lambda a: a.moved(1, 8, 9).instead(9, h.OpUnknown)),
    ("C30", "a longer wait", lambda a: a.moved(0.2, 6)),
    ("C30", "called earlier", lambda a: a.moved(-0.2, 5)),
    ("C30", "came to it at last", lambda a: a.copied(2.4, 4, op=2, request=2).moved(0.5, 6)),
    ("C30", "never over", lambda a: a.moved(5, 6).instead(6, h.OpUnknown)),
    ("C34", "never over", lambda a: a.instead(12, h.OpHung, awaits=("shop.py:14",))),
    (
        "C34",
        "off the wire",
        lambda a: a.without(9, 10, 11).instead(12, h.OpHung, awaits=("x",)),
    ),
    ("C40", "let through", lambda a: a.moved(1, 14).copied(1.01, 9, 10, 11, op=3, request=3)),
    ("C41", "rejected", lambda a: a.without(9, 10, 11).changed(12, errors=REJECTED)),
    ("C42", "rejected", lambda a: a.without(14, 15, 16).changed(17, errors=REJECTED)),
    (
        "C42",
        "rejected after cancellations",
        lambda a: rejected(a, 14).instead(7, h.OpCancelled).instead(12, h.OpCancelled),
    ),
    ("C43", "rejected", lambda a: rejected(a, 15)),
    ("C43", "rejected after two", lambda a: rejected(a, 15).without(10, 11, 12)),
    ("C44", "rejected", lambda a: a.without(14, 15, 16).instead(17, h.OpFailed, errors=REJECTED)),
    ("C45", "let through", lambda a: a.copied(0.5005, 14, op=4, conn=2).copied(40.5, 2, conn=2)),
    ("C46", "let through", lambda a: a.moved(1, 19).copied(1.0005, 14, 15, 16, op=4, request=4)),
    ("C47", "let through", lambda a: a.moved(1, 20).copied(2.5, 12, 13, 14, op=4, request=3)),
    (
        "C47",
        "open for longer",
        lambda a: a.changed(16, status=500).instead(18, h.OpFailed, errors=BAD).moved(28.5, 19, 20),
    ),
    ("C48", "rejected", lambda a: a.without(14, 15, 16).instead(17, h.OpFailed, errors=REJECTED)),
    ("C49", "slowly", lambda a: a.moved(0.3, 14)),
    ("C52", "after the other", lambda a: a.moved(0.302, 6, 7).moved(0.5, 11, 12, 13)),
    ("C52", "called sooner", lambda a: a.moved(0.302, 6, 7).moved(-0.01, 5).moved(0.5, 11, 12, 13)),
    ("C60", "a foreign exception", lambda a: a.changed(7, errors=FOREIGN)),
    ("C61", "another exception", lambda a: a.changed(6, errors=UNREACHABLE)),
    ("C62", "without a cause", lambda a: a.changed(11, errors=LOST[:1])),
    ("C62", "by another error", lambda a: a.changed(11, errors=(LOST[0], UNRELATED))),
    ("C62", "by chance", lambda a: a.changed(11, errors=(LOST[0], BY_CHANCE))),
    ("C62", "a name less", lambda a: a.changed(11, errors=lost(attempts=1))),
    ("C62", "another number", lambda a: a.changed(11, errors=lost(attempts=3, elapsed=0.004))),
    ("C62", "one more on the wire", lambda a: a.copied(0.0002, 6, request=2)),
    ("C62", "another time", lambda a: a.changed(11, errors=lost(attempts=1, elapsed=0.9))),
    ("C62", "a secret", lambda a: a.changed(11, errors=(TELLING, LOST[1]))),
    ("C64", "a crash", lambda a: a.changed(7, errors=CRASHED)),
    (
        "C64",
        "a name",
        lambda a: (
            a.changed(5, status=200).changed(6, damaged="bad_json").changed(7, errors=NAMELESS)
        ),
    ),
    ("C63", "swallowed", lambda a: a.instead(7, h.OpOk)),
    ("C65", "accepted", lambda a: a.instead(8, h.OpOk)),
    ("C67", "late", lambda a: a.moved(0.5, 7, 8, 9)),
    ("C67", "never", lambda a: a.without(8).copied(1, 9)),
    ("C67", "swallowed", lambda a: a.instead(8, h.OpOk)),
    ("C67", "another error", lambda a: a.instead(8, h.OpFailed, errors=UNREACHABLE)),
    ("C67", "tried again", lambda a: a.copied(0.4, 3, 4, 5, attempt=2, conn=2)),
    ("C66", "a text", lambda a: a.changed(17, type="builtins.str")),
    ("C66", "nothing", lambda a: a.changed(17, type="builtins.NoneType")),
    (
        "C66",
        "of a body",
        lambda a: (
            a.without(14, 15, 16)
            .changed(12, status=200)
            .changed(13, damaged="bad_json")
            .changed(17, type="builtins.str")
        ),
    ),
    ("C71", "a task", lambda a: a.changed(11, left=(h.Left(kind="task", name="poll"),))),
    ("C71", "a thread", lambda a: a.changed(11, left=(h.Left(kind="thread", name="poll"),))),
    ("C71", "a timer", lambda a: a.changed(11, left=(h.Left(kind="timer", name="poll"),))),
    ("C71", "a pipe", lambda a: a.changed(11, left=(h.Left(kind="descriptor", name="pipe"),))),
    ("C71", "unawaited", lambda a: a.changed(11, left=(h.Left(kind="coroutine", name="get"),))),
    ("C70", "closed late", lambda a: a.moved(3, 8)),
    (
        "C72",
        "surfaced",
        lambda a: a.without(11, 12, 13, 14).instead(15, h.OpFailed, errors=UNREACHABLE),
    ),
    (
        "C72",
        "sent again",
        lambda a: a.changed(9, name="write", endpoint="POST /orders", idempotent=False),
    ),
    ("C90", "no fault fired", lambda a: a.without(13)),
    ("C91", "another name in control", lambda a: a.changed(3, name="other")),
    ("C97", "untagged", lambda a: a.changed(5, op=None)),
]


def outcomes(history: h.History, contract: Any, baseline: h.History | None = None) -> Any:
    """Check -> outcome."""
    return {f.check: f.outcome for f in judge(contract, history, baseline).findings}


def paired(check: str, name: str) -> h.History | None:
    """The baseline beside a golden history, if it is one of a pair."""
    path = GOLDEN / check / f"{name}.baseline.jsonl"
    return h.load(path) if path.exists() else None


@pytest.mark.parametrize("check", IDS)
@pytest.mark.parametrize("name", ["pass", "spoilt", "not_exercised"])
def test_a_check_tells_its_golden_histories_apart(
    check: str, name: str, golden: Any, promised: Any
) -> None:
    """A check that was never seen to fail is decoration."""
    if name == "spoilt":
        name = "unknown" if check in NEVER_FAIL else "fail"
    assert outcomes(golden(check, name), promised(check), paired(check, name))[check] == name


@pytest.mark.parametrize("check", sorted(p.parent.name for p in GOLDEN.glob("*/unknown.jsonl")))
def test_a_check_admits_what_it_cannot_know(check: str, golden: Any, promised: Any) -> None:
    """Missing evidence is no pass."""
    told = outcomes(golden(check, "unknown"), promised(check), paired(check, "unknown"))
    assert told[check] == "unknown"


@pytest.mark.parametrize("check", IDS)
def test_no_other_check_fails_on_a_passing_history(check: str, golden: Any, promised: Any) -> None:
    """Two checks that demand opposite things would show here."""
    found = outcomes(golden(check, "pass"), promised(check), paired(check, "pass"))
    assert [other for other, outcome in found.items() if outcome in ("fail", "error")] == []


@pytest.mark.parametrize(("check", "how", "spoil"), SPOILED, ids=lambda v: v if v else "")
def test_a_check_kills_its_altered_histories(
    check: str, how: str, spoil: Any, golden: Any, altered: Any, found: Any
) -> None:
    """A check that survives its own mutants judges nothing."""
    history = spoil(altered(golden(check, "pass"))).history()
    assert found(check, history).outcome == ("unknown" if check in NEVER_FAIL else "fail"), how


def test_the_pair_is_killed_by_its_altered_baseline(
    golden: Any, altered: Any, contract: Any
) -> None:
    """C92 reads the baseline, not the armed run."""
    baseline = golden("C92", "pass.baseline")
    twice = altered(baseline).moved(1, 14).copied(0.5, 11, 12, 13, request=3)
    assert outcomes(golden("C92", "pass"), contract, twice.history())["C92"] == "fail"
    broken = altered(baseline).instead(14, h.OpFailed, errors=REJECTED)
    assert outcomes(golden("C92", "pass"), contract, broken.history()) == {"C92": "unknown"}


def test_a_pair_without_a_working_baseline_is_unknown(golden: Any, contract: Any) -> None:
    """What fails without a fault is no answer to how the client takes one."""
    pair = golden("C92", "unknown"), contract, paired("C92", "unknown")
    assert outcomes(*pair) == {"C92": "unknown"}


def test_every_check_has_altered_histories() -> None:
    """A new check must bring its own."""
    assert {check for check, _, _ in SPOILED} | {"C92"} == set(IDS)


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.jsonl")), ids=lambda p: p.parent.name)
def test_a_golden_history_is_small_and_reads_back_the_same(path: Path) -> None:
    """They are read by people, and judged again by later versions."""
    history = h.load(path)
    assert b"\n".join(history.to_lines()) + b"\n" == path.read_bytes()
    assert len(history) <= 30


def test_a_failure_shows_a_witness_within_the_history(golden: Any, found: Any) -> None:
    """A verdict that can't be looked up is an opinion."""
    for info in ALL:
        if info.id in NEVER_FAIL | {"C92"}:
            continue
        history = golden(info.id, "fail")
        finding = found(info.id, history)
        assert finding.events, info.id
        assert set(finding.events) <= {event.index for event in history}, info.id
        assert {index for index, _ in finding.marks} <= set(finding.events), info.id
        assert finding.promised, info.id
        assert finding.seen, info.id


def test_slugs_and_ids_name_one_check_each() -> None:
    """Scenario files name checks by slug, people by id."""
    assert len({info.slug for info in ALL}) == len(set(IDS)) == len(ALL)
    assert by_slug("retry-after") == by_slug("C24")
    with pytest.raises(KeyError):
        by_slug("retry")


def test_without_a_contract_only_what_holds_for_every_client_is_judged(golden: Any) -> None:
    """A stranger without a contract is told what was not promised."""
    found = {f.check: f.outcome for f in put(read(golden("C63", "fail")), None)}
    promised = {info.id for info in ALL if info.promise}
    assert {check for check, outcome in found.items() if outcome == "not_promised"} == promised
    assert len(found) == len(ALL) - 1  # C92 needs a pair


def test_a_check_that_crashes_is_an_error(golden: Any, contract: Any) -> None:
    """Our own mistake must neither pass nor look like the client's."""
    reading = read(golden("C02", "pass"))

    class Broken:
        def __getattribute__(self, name: str) -> Any:
            if name == "faults":
                raise ZeroDivisionError("no such day")
            return getattr(reading, name)

    broken: Reading = Broken()  # type: ignore[assignment]
    finding = next(f for f in put(broken, contract) if f.check == "C90")
    assert finding.outcome == "error"
    assert finding.seen == "the check crashed: ZeroDivisionError: no such day"
