import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.scenarios.errors import ScenarioError
from faultlab.scenarios.loader import load, parse
from faultlab.scenarios.model import (
    ClearStep,
    ClockStep,
    ConnectionsStep,
    Incident,
    InjectStep,
    OperationStep,
    Quantity,
    Scenario,
    SubjectStep,
    WaitStep,
)

# The example of the message's form: four mistakes, four lines.
FOUR_MISTAKES = """\
scenario: Orders

fault:
  - inject: down
  - write: connection
    atempts: 3
  - read: 503
  - inject: latency
    delay: 500
"""


def test_all_problems_of_a_file_are_told_at_once(refused) -> None:
    """Line, key, value, what was expected; one run mends them all."""
    assert refused(FOUR_MISTAKES) == (
        "orders.yaml:4: fault[1].inject: `down` is a family of faults; name the kind:\n"
        "    refused, stopped, killed, cut (completely down: refused)\n"
        "orders.yaml:6: fault[2].atempts: unknown key; nearest: attempts\n"
        "orders.yaml:7: fault[3].read: `503` is not an outcome; write status:503\n"
        "orders.yaml:9: fault[4].delay: `500` has no unit; write 500ms or 500s"
    )


def test_the_smallest_scenario_has_four_lines() -> None:
    """Control and recovery are implied, so nobody can forget them."""
    text = "scenario: Down\nfault:\n  - inject: refused\n  - read: connection\n"
    assert parse(text.encode(), "dir/down.yaml") == Scenario(
        name="down",
        file="dir/down.yaml",
        title="Down",
        fault=(InjectStep("refused", 3), OperationStep("read", ("connection",), 4)),
    )


def test_every_key_of_a_file_reaches_the_model() -> None:
    """One file with everything that this version knows."""
    text = """\
scenario: Everything
incident:
  source: INC-4711
  when: 2026-10-30 03:12 UTC, 7 minutes
  symptom: 41 orders twice
tune: none
control:
  - write: ok
    times: 3
fault:
  - inject: status
    service: orders
    endpoint: GET /orders/*
    code: 503
    body: busy
    headers: {Retry-After: 1, Set-Cookie: [a=1, b=2]}
    first: 2 x breaker.fail_max
  - read: [timeout, status:404]
    attempts: 2
    times: 6
    concurrency: 3
    requires: [retry-after, backoff]
  - clear: all
  - connections: fresh
  - subject: new
recovery:
  - wait: 500ms
  - clock: -90s
  - my.own-name: contract
    attempts: contract
"""
    found = parse(text.encode(), "all.yaml")
    assert found.incident == Incident(
        "INC-4711", "2026-10-30 03:12 UTC, 7 minutes", "41 orders twice"
    )
    assert found.tune == "none"
    assert found.control == (OperationStep("write", ("ok",), 8, times=Quantity(3)),)
    assert found.fault == (
        InjectStep(
            "status",
            11,
            (
                ("code", 503),
                ("body", "busy"),
                ("headers", (("Retry-After", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))),
            ),
            service="orders",
            endpoint="GET /orders/*",
            scope=(("first", Quantity(2, "breaker.fail_max")),),
        ),
        OperationStep(
            "read",
            ("timeout", "status:404"),
            18,
            attempts=2,
            times=Quantity(6),
            concurrency=Quantity(3),
            requires=("retry-after", "backoff"),
        ),
        ClearStep(23),
        ConnectionsStep(24),
        SubjectStep(25),
    )
    assert found.recovery == (
        WaitStep(Quantity(0.5), 27),
        ClockStep(-90.0, 28),
        OperationStep("my.own-name", ("contract",), 29),
    )


def test_the_order_of_keys_in_a_step_means_nothing() -> None:
    """YAML mappings have none."""
    text = "scenario: A\nfault:\n  - live: reset\n    inject: refused\n  - times: 3\n    read: ok\n"
    assert parse(text.encode(), "a.yaml").fault == (
        InjectStep("refused", 4, (("live", "reset"),)),
        OperationStep("read", ("ok",), 6, times=Quantity(3)),
    )


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("red: ok\nread: ok\n", "5: fault[3].red: unknown key; known: attempts, times, concurrency, cancel_after, requires"),
        ("read.elswhere: ok", "5: fault[3].read.elswhere: unknown role; nearest: read.elsewhere"),
        ("read.qqqqqqqqqqqqqqqqqq: ok", "5: fault[3].read.qqqqqqqqqqqqqqqqqq: unknown role; known: read, read.other, read.elsewhere, write"),
        ("read: ok\ndelay: 3s", "6: fault[3].delay: belongs to a step with `inject`"),
        ("INJECT: refused", "5: fault[3].INJECT: unknown step; nearest: inject"),
        ("read: staus:503", "5: fault[3].read: `staus:503` is not an outcome; nearest: status:NNN"),
        ("read: ok\nattempts: contrct", "6: fault[3].attempts: `contrct`: expected a whole number or contract; nearest: contract"),
        ("clear: al", "5: fault[3].clear: `al`: expected all"),
        ("injekt: refused", "5: fault[3].injekt: unknown step; nearest: inject"),
        ("read: conection", "5: fault[3].read: `conection` is not an outcome; nearest: connection"),
        ("read: status:99", "5: fault[3].read: `status:99` is not an outcome; expected status:200 to 599"),
        ("read:", "5: fault[3].read: empty; expected an outcome: ok, connection, timeout, deadline, response, open, cancelled, contract or status:NNN"),
        ("read: []", "5: fault[3].read: an empty list; expected one at least"),
        ("read: ok\nattempts: many", "6: fault[3].attempts: `many`: expected a whole number or contract"),
        ("read: [ok, cancelled]", "5: fault[3].read: `cancelled`: nobody cancels it; write `cancel_after: DURATION` beside it"),
        ("read: cancelled\ncancel_after: 3", "6: fault[3].cancel_after: `3` has no unit; write 3ms or 3s"),
        ("read: ok\ntimes: 0", "6: fault[3].times: `0`: expected 1 to 10000"),
        ("read: ok\ntimes: 3\nconcurrency: 10", "7: fault[3].concurrency: 10 at once, but times is 3; expected no more"),
        ("read: ok\nrequires: no such", "6: fault[3].requires: `no such`: expected the slug of a check, like retry-after; faultlab list checks shows them"),
        ("times: 3", "5: fault[3]: no operation; expected `NAME: OUTCOME`"),
        ("wait: 3h", "5: fault[3].wait: `3h`: unknown unit `h`; expected ms, s or m"),
        ("wait: 1s\nread: ok", "6: fault[3].read: unknown key beside `wait`; write it as a step of its own"),
        ("clear: refused", "5: fault[3].clear: `refused`: expected all"),
        ("connections: warm", "5: fault[3].connections: `warm`: expected fresh"),
        ("subject: old", "5: fault[3].subject: `old`: expected new"),
        ("clear", "5: fault[3]: `clear`; expected a step: `NAME: OUTCOME`, or inject, clear, wait, clock, connections or subject"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_line_key_value_and_cure(of_step, step: str, message: str) -> None:
    """The exact texts; whoever changes one reads them all."""
    assert of_step(step) == f"orders.yaml:{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fault:\n  - inject: refused\n  - read: ok\n", "orders.yaml:1: scenario: missing; expected text"),
        ("scenario: A\n", "orders.yaml:1: fault: missing; expected a list of steps"),
        ("scenario: A\nfault: []\n", "orders.yaml:2: fault: an empty list; expected a list of steps"),
        ("scenario: A\nfault:\n  - read: ok\n", "orders.yaml:3: fault: no `inject`; expected a fault, e.g. `inject: refused`"),
        ("scenario: A\nfault:\n  - inject: refused\n", "orders.yaml:3: fault: no operation; expected a step like `read: ok`"),
        ("scenario: A\ncontrol:\n  - inject: refused\nfault:\n  - inject: refused\n  - read: ok\n", "orders.yaml:3: control[1].inject: no fault in `control`; expected it under `fault`"),
        ("scenario: A\nfualt:\n  - read: ok\nfault:\n  - inject: refused\n  - read: ok\n", "orders.yaml:2: fualt: unknown key; nearest: fault"),
        ("scenario: A\ntune: slow\nfault:\n  - inject: refused\n  - read: ok\n", "orders.yaml:2: tune: `slow`: expected fast or none"),
        ("scenario: A\nincident:\n  when: now\nfault:\n  - inject: refused\n  - read: ok\n", "orders.yaml:3: incident.source: missing; expected where it came from"),
        ("- read: ok\n", "orders.yaml:1: a list; expected keys scenario, incident, services, tune, control, fault or recovery"),
    ],
)  # fmt: skip
def test_mistakes_of_the_whole_file(refused, text: str, message: str) -> None:
    """A scenario without a fault would be a lie that passes."""
    assert refused(text) == message


def test_a_file_that_cannot_be_read_is_told_why(tmp_path: Path) -> None:
    """A missing file, a folder, a name that no system takes."""
    for path in (tmp_path / "none.yaml", tmp_path, Path("a\0b.yaml")):
        with pytest.raises(ScenarioError, match="cannot be read: "):
            load(path)


def test_a_file_is_named_in_messages_as_its_reader_named_it(tmp_path: Path) -> None:
    """The path can be pasted back."""
    path = tmp_path / "orders.yaml"
    path.write_text("scenario: A\n")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:1: fault: missing; expected a list of steps"


words = st.sampled_from(
    [
        *("scenario", "fault", "control", "inject", "read", "write", "times", "at", "status"),
        *("refused", "cut", "latency", "delay", "ok", "open", "500ms", "503", "headers", "code"),
        *("endpoint", "first", "requires", "wait", "clear", "all", "subject", "new", "", "~"),
        "sequence",
    ]
)
trees = st.recursive(
    words | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


def flow(tree: object) -> str:
    """A tree as YAML in flow style."""
    match tree:
        case dict():
            return "{" + ", ".join(f"{flow(key)}: {flow(tree[key])}" for key in tree) + "}"
        case list():
            return "[" + ", ".join(flow(item) for item in tree) + "]"
        case _:
            return '"' + "".join(f"\\U{ord(char):08x}" for char in str(tree)) + '"'


@given(trees)
def test_no_tree_crashes_the_loader(tree: object) -> None:
    """Every shape where another was expected is a problem, never an exception."""
    steps = f"{{scenario: A, fault: {flow(tree)}, control: [{flow(tree)}], incident: {flow(tree)}}}"
    for text in (flow(tree), steps):
        with contextlib.suppress(ScenarioError):
            parse(text.encode(), "a.yaml")


@given(st.text())
def test_no_text_crashes_the_loader(text: str) -> None:
    """Nor does text that is no YAML at all."""
    with contextlib.suppress(ScenarioError):
        parse(text.encode("utf-8", "surrogatepass"), "a.yaml")
