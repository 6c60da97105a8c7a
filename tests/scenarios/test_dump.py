from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from faultlab.scenarios.dump import dump
from faultlab.scenarios.loader import parse
from faultlab.scenarios.model import (
    ClearStep,
    ClockStep,
    ConnectionsStep,
    Incident,
    InjectStep,
    OperationStep,
    Quantity,
    Scenario,
    Served,
    Step,
    SubjectStep,
    WaitStep,
)

counts = st.builds(Quantity, st.integers(1, 10_000)) | st.builds(
    Quantity, st.integers(1, 9), st.sampled_from(["breaker.fail_max", "attempts.max"])
)
durations = st.builds(Quantity, st.integers(0, 3_600_000).map(lambda ms: ms / 1000)) | st.builds(
    Quantity, st.sampled_from([0.5, 1, 2]), st.sampled_from(["timeouts.read", "deadline.total"])
)
lines = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=1
).filter(lambda text: text.strip() == text and text.isprintable())
names = st.sampled_from(["read", "read.other", "read.elsewhere", "write", "approve", "a.b-c"])
outcomes = st.lists(
    st.sampled_from(["ok", "connection", "open", "status:503", "contract"]), min_size=1, max_size=3
)
operations = st.builds(
    OperationStep,
    name=names,
    outcomes=outcomes.map(tuple),
    line=st.just(0),
    attempts=st.none() | st.integers(0, 9),
    times=st.none() | counts,
    cancel_after=st.none() | durations,
    requires=st.lists(st.sampled_from(["retry-after", "isolation"]), max_size=2).map(tuple),
)
headers = st.dictionaries(st.sampled_from(["Retry-After", "X-A"]), lines, min_size=1).map(
    lambda pairs: tuple(pairs.items())
)
fixed = st.sampled_from(
    [
        ("refused", (("live", "reset"),)),
        ("cut", (("at", "response_body"), ("by", "rst"), ("bytes", 7))),
        ("cut", (("at", "request_head"),)),
        ("stall", ()),
        ("status", (("sequence", (500, 502)),)),
        ("bad_body", (("body", "invalid_json"),)),
        ("lost_answer", (("by", "rst"),)),
    ]
)
latency = durations.map(lambda delay: ("latency", (("delay", delay),)))
status = headers.map(lambda pairs: ("status", (("code", 503), ("headers", pairs))))
injects = st.builds(
    lambda kind, service: InjectStep(kind[0], 0, kind[1], service=service),
    fixed | latency | status,
    st.none() | lines,
)
waits = st.builds(WaitStep, durations, st.just(0))
plain: st.SearchStrategy[Step] = st.sampled_from(
    [ClearStep(0), ClockStep(-90.0, 0), ClockStep(0.5, 0), ConnectionsStep(0), SubjectStep(0)]
)
calm = st.lists(operations | waits | plain, max_size=3)
phases = st.builds(lambda head, rest: (head, *rest), operations, calm)
words = st.from_regex(r"[a-z_]{1,9}", fullmatch=True)
served = st.builds(
    Served,
    words,
    st.just(0),
    stub=st.none() | words,
    command=st.none() | lines | st.lists(lines, min_size=1, max_size=3).map(tuple),
    image=st.none() | words,
    port=st.none() | st.integers(1, 65535),
    environment=st.dictionaries(words, st.text(max_size=9), max_size=2).map(
        lambda found: tuple(found.items())
    ),
    ready=st.sampled_from([None, "/", "GET /health"]),
    ready_within=st.sampled_from([None, 0.5, 90.0]),
    preset=st.lists(words, max_size=2).map(tuple),
    pace=st.none() | words,
    honours_idempotency_key=st.sampled_from([None, True, False]),
).filter(lambda it: not it.text().endswith(": "))
scenarios = st.builds(
    Scenario,
    name=st.just("a"),
    file=st.just("a.yaml"),
    title=lines,
    fault=st.builds(lambda inject, rest: (inject, *rest), injects, phases),
    control=st.none() | phases,
    recovery=st.none() | phases,
    tune=st.sampled_from([None, "fast", "none"]),
    incident=st.none() | st.builds(Incident, lines, st.none() | lines, st.none() | lines),
    services=st.lists(served, max_size=2, unique_by=lambda it: it.service).map(tuple),
)


def without_lines(scenario: Scenario) -> Scenario:
    """The scenario with every line 0."""

    def bare(steps: tuple[Step, ...] | None) -> tuple[Step, ...] | None:
        return None if steps is None else tuple(replace(step, line=0) for step in steps)

    fault = bare(scenario.fault)
    assert fault is not None
    return replace(
        scenario,
        control=bare(scenario.control),
        fault=fault,
        recovery=bare(scenario.recovery),
        services=tuple(replace(it, line=0) for it in scenario.services),
    )


@given(scenarios)
def test_a_dumped_scenario_loads_as_itself(scenario: Scenario) -> None:
    """An importer or a shrinker writes files that mean what it meant."""
    assert without_lines(parse(dump(scenario).encode(), "a.yaml")) == scenario
