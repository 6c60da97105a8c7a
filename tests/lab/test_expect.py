import pytest
from msgspec.structs import replace

from faultlab.faults import AnyFault, BadBody, Cut, LostAnswer, Partition, Refused, Status
from faultlab.lab.attempts import Attempt, FaultRecord, Missing, Operation, Reading
from faultlab.lab.contract import Contract, builtin, parse
from faultlab.lab.expect import (
    StepFinding,
    implied,
    judge_steps,
    not_ok,
    outcome_of,
    outcome_of_key,
    required,
)
from faultlab.lab.history import Header, OpHung, Raised
from faultlab.lab.oracle import Admission, Demand, Demands, OperationDemand
from faultlab.lab.plan import Enter, Inject, Operate, Plan
from faultlab.lab.tune import FAST, tuned

MAXIMUS = tuned(builtin("maximus"), FAST)
HTTPX = builtin("httpx")
SILENT = parse({}, "silent")


def attempt(number: int, observable: str) -> Attempt:
    """One attempt that met this."""
    return Attempt(1, number, "core", "GET", "/health", 1.0, 1.1, observable, sent=1.0, events=(5,))


def operation(ending: str, *met: str, error: str = "") -> Operation:
    """Operation 1, ended like this after attempts that met this."""
    return Operation(
        id=1,
        name="read",
        service="core",
        endpoint="GET /health",
        idempotent=True,
        keyed=False,
        phase="fault",
        invoked=1.0,
        ended=None if ending == "unknown" else 2.0,
        ending=ending,  # type: ignore[arg-type]
        errors=(Raised(classes=(error, "Exception")),) if error else (),
        attempts=tuple(attempt(number, one) for number, one in enumerate(met, 1)),
        events=(4, 9),
    )


# --- outcomes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "outcome"),
    [
        ("connect_refused", "connection"),
        ("connect_timeout", "connection"),
        ("eof_before_response", "connection"),
        ("reset", "connection"),
        ("truncated_length", "connection"),
        ("read_timeout_headers", "timeout"),
        ("read_timeout", "timeout"),
        ("pool_exhausted", "timeout"),
        ("slow_drip", "deadline"),
        ("bad_json", "response"),
        ("status:503", "status:503"),
        ("open", "open"),
        ("ok", "ok"),
    ],
)
def test_an_observable_stands_for_one_outcome(key: str, outcome: str) -> None:
    """Six words for error classes; a connect time-out is no timeout."""
    assert outcome_of_key(key) == outcome


@pytest.mark.parametrize(
    ("contract", "ended", "outcome"),
    [
        (MAXIMUS, operation("ok", "ok"), "ok"),
        (MAXIMUS, operation("failed", "connect_refused", error="MaximusConnectionError"), "connection"),
        (MAXIMUS, operation("failed", "read_timeout_headers", error="MaximusTimeoutError"), "timeout"),
        (MAXIMUS, operation("failed", error="MaximusCircuitOpenError"), "open"),
        (MAXIMUS, operation("failed", "status:503", error="MaximusAPIError"), "status:503"),
        (MAXIMUS, operation("failed", "bad_json", error="MaximusResponseError"), "response"),
        (MAXIMUS, operation("failed", "cancelled", error="MaximusDeadlineError"), "deadline"),
        (MAXIMUS, operation("failed", "status:503", error="MaximusTimeoutError"), "timeout"),
        (MAXIMUS, operation("failed", "connect_refused", error="MaximusAPIError"), "status"),
        (MAXIMUS, operation("failed", "connect_refused", error="httpx.ConnectError"), "connection"),
        (MAXIMUS, operation("failed", error="KeyError"), "other"),
        (MAXIMUS, operation("failed", "ok", error="KeyError"), "other"),
        (MAXIMUS, operation("ok", "status:503"), "ok"),
        (HTTPX, operation("ok", "status:503"), "status:503"),
        (SILENT, operation("ok", "status:404"), "status:404"),
        (SILENT, operation("failed", "connect_refused", error="OSError"), "connection"),
        (MAXIMUS, operation("unknown", "pending"), "unknown"),
        (MAXIMUS, operation("cancelled", "cancelled"), "cancelled"),
    ],
)  # fmt: skip
def test_an_operation_ends_as_its_exception_says(
    contract: Contract, ended: Operation, outcome: str
) -> None:
    """By the contract's own classes; where it is silent, by what the last attempt met."""
    assert outcome_of(ended, contract) == outcome


def test_a_class_that_may_mean_several_is_read_by_the_last_attempt() -> None:
    """One class for silence and for a lost connection, as some clients have it."""
    contract = parse({"errors": {"connection": "LibraryError", "timeout": "LibraryError"}}, "one")
    late = operation("failed", "read_timeout_headers", error="LibraryError")
    lost = operation("failed", "connect_refused", error="LibraryError")
    assert outcome_of(late, contract) == "timeout"
    assert outcome_of(lost, contract) == "connection"


def test_a_baseline_is_broken_by_what_did_not_end_ok() -> None:
    """A returned error answer counts, too: nobody can tell what it would be under a fault."""
    fine, refused = operation("ok", "ok"), operation("ok", "status:404")
    hanging = operation("unknown", "pending")
    assert not_ok(reading_of(fine, refused, hanging), HTTPX) == (refused, hanging)


# --- implied requirements ------------------------------------------------------------------------


def step(*expect: str, write: bool = False, **more: object) -> Operate:
    """A step of the fault phase, operation 1."""
    fields: dict[str, object] = {
        "ids": (1,),
        "name": "write" if write else "read",
        "service": "core",
        "method": "POST" if write else "GET",
        "path": "/query" if write else "/health",
        "idempotent": not write,
        "expect": expect,
        "phase": "fault",
        "line": 4,
        **more,
    }
    return Operate.model_validate(fields)


ASKS = Status(service="core", code=503, headers=(("retry-after", "1"),))


@pytest.mark.parametrize(
    ("one", "fault", "checks"),
    [
        (step("ok"), None, ""),
        (step("contract"), Refused(service="core"), ""),
        (step("cancelled", cancel_after=0.1), Refused(service="core"), "C67"),
        (step("cancelled", "timeout", cancel_after=0.1), None, ""),
        (step("connection"), Refused(service="core"), "C02 C20 C60 C61"),
        (step("connection", write=True), Refused(service="core"), "C02 C20 C60 C61"),
        (step("connection", write=True), LostAnswer(service="core"), "C60 C61"),
        (step("connection"), Cut(service="core", at="response_body"), "C02 C20 C60 C61"),
        (step("timeout"), Partition(service="core"), "C02 C20 C60 C61"),
        (step("timeout", write=True), Partition(service="core"), "C60 C61"),
        (step("status:503"), Status(service="core", code=503), "C02 C20 C60 C61"),
        (step("status:503"), ASKS, "C02 C60 C61"),
        (step("status:404"), Status(service="core", code=404), "C60 C61"),
        (step("response"), BadBody(service="core"), "C60 C61"),
        (step("open"), Refused(service="core"), "C40 C49 C60 C61"),
        (step("timeout", "open"), Partition(service="core"), "C60 C61"),
        (step("ok", after_reset=True), None, "C44 C46"),
    ],
)
def test_an_outcome_implies_what_must_be_exercised(
    one: Operate, fault: AnyFault | None, checks: str
) -> None:
    """A story asserts without being told how; a list implies what each alternative does."""
    found = implied(one, MAXIMUS, () if fault is None else (fault,))
    assert " ".join(sorted(found)) == checks


def test_what_is_not_promised_is_not_implied() -> None:
    """Without a contract nothing but the step itself is judged."""
    assert (
        implied(step("connection", after_reset=True), SILENT, (Refused(service="core"),)) == set()
    )


def test_a_returned_status_raises_nothing_to_judge() -> None:
    """httpx hands a 503 over as a value."""
    assert implied(step("status:503"), HTTPX, (Status(service="core", code=503),)) == set()


# --- judging steps -------------------------------------------------------------------------------


def plan_of(one: Operate, *faults: AnyFault) -> Plan:
    """A plan of one step."""
    return Plan(
        scenario="a",
        file="a.yaml",
        title="A",
        subject="orders",
        contract="maximus",
        environment="embedded",
        tune="fast",
        seed=7,
        services=("core",),
        steps=(
            Enter(phase="fault"),
            *(Inject(id=number, fault=fault, line=3) for number, fault in enumerate(faults, 1)),
            one,
        ),
        limit=20.0,
    )


def reading_of(
    *operations: Operation,
    missing: tuple[Missing, ...] = (),
    faults: tuple[FaultRecord, ...] = (),
    end: float = 3.0,
) -> Reading:
    """A reading of these operations."""
    return Reading(Header(), operations, (), faults, (), (), missing, end)


def demands_of(*ends: str, least: int = 0, most: int | None = None) -> Demands:
    """What the oracle demanded of operation 1."""
    demand = Demand("must", why="attempts.max: 3")
    admission = Admission(demand, "yes", explained=True)
    return Demands(
        (OperationDemand(1, admission, (), least, most, None, frozenset(ends), demand.why),), (), ()
    )


def judge(one: Operate, ended: Operation, demands: Demands, **more: object) -> StepFinding:
    """The finding on one step."""
    reading = reading_of(ended, **more)  # type: ignore[arg-type]
    (found,) = judge_steps(plan_of(one), reading, MAXIMUS, demands)
    return found


REFUSED = operation("failed", "connect_refused", error="MaximusConnectionError")
WORKED = operation("ok", "ok")


def test_an_expected_outcome_is_met() -> None:
    """Whatever else is wrong is for the checks to say."""
    assert judge(step("connection"), REFUSED, demands_of("connect_refused")).outcome == "pass"


def test_any_alternative_meets_the_step() -> None:
    """One probe times out, nine are rejected."""
    assert judge(step("ok", "connection"), REFUSED, demands_of()).outcome == "pass"


def test_against_file_and_contract_it_fails() -> None:
    """Both say `connection`, and the client says it worked."""
    found = judge(step("connection"), WORKED, demands_of("connect_refused"))
    assert found == StepFinding(
        step("connection"),
        "fail",
        operation=1,
        promised="`read` ends as connection",
        seen="`read` ended as ok; its last attempt met ok",
        contract="connection (attempts.max: 3)",
        events=(4, 5, 9),
    )


def test_what_the_contract_demanded_against_the_file_is_unknown() -> None:
    """Contract beats scenario: neither a failure of the client nor a pass of the story."""
    found = judge(step("connection"), WORKED, demands_of("ok"))
    assert (found.outcome, found.contract) == ("unknown", "ok (attempts.max: 3)")
    assert found.missing == (
        "the contract demands what the file does not expect: ok (attempts.max: 3)"
    )


def test_where_the_contract_says_nothing_the_file_decides() -> None:
    """A stranger's client without a contract can fail its story."""
    assert judge(step("connection"), WORKED, demands_of()).outcome == "fail"


def test_a_step_left_to_the_contract_is_met_by_what_it_demands() -> None:
    """And by anything where it demands nothing."""
    assert judge(step("contract"), REFUSED, demands_of("connect_refused")).outcome == "pass"
    assert judge(step("contract"), REFUSED, demands_of()).outcome == "pass"
    assert judge(step("contract"), REFUSED, demands_of("ok")).outcome == "fail"


def test_an_unseen_attempt_leaves_the_step_open() -> None:
    """Missing evidence is never a failure of the client."""
    unseen = operation("ok", "unknown")
    found = judge(step("connection"), unseen, demands_of("connect_refused"))
    assert (found.outcome, found.missing) == (
        "unknown",
        "what attempt 1 met can't be told",
    )


def test_hidden_connects_leave_the_step_open() -> None:
    """A client on another event loop: what it met can't be seen."""
    gap = (Missing("connects", "no audit event"),)
    failed = operation("failed", error="KeyError")
    refused = FaultRecord(1, "refused", "core", "", "", "fault", 0.0, None, 1, listener="refusing")
    found = judge(step("connection"), failed, demands_of(), missing=gap, faults=(refused,))
    assert found.missing == "connects that reach no proxy: no audit event"
    assert judge(step("connection"), failed, demands_of(), missing=gap).outcome == "fail"


def test_a_control_operation_that_does_not_work_is_unknown() -> None:
    """Its failures under a fault prove nothing (C91)."""
    control = step("ok", phase="control", line=None)
    found = judge(control, REFUSED, demands_of("ok"))
    assert found.outcome == "unknown"
    assert found.missing.startswith(
        "it does not work without the fault: `read` ended as connection"
    )


@pytest.mark.parametrize(
    ("made", "outcome"),
    [(("ok",), "fail"), (("status:503", "ok"), "unknown"), (("status:503",) * 2 + ("ok",), "pass")],
)
def test_a_written_count_of_attempts_is_held_against_file_and_contract(
    made: tuple[str, ...], outcome: str
) -> None:
    """Three in the file; the contract allows two or three here."""
    found = judge(step("ok", attempts=3), operation("ok", *made), demands_of("ok", least=2, most=3))
    assert found.outcome == outcome


def test_an_operation_that_was_not_played_is_unknown() -> None:
    """The run was stopped before it."""
    (found,) = judge_steps(plan_of(step("ok")), reading_of(), MAXIMUS, Demands((), (), ()))
    assert found.missing == "operation 1 was not played: the run ended before it"


def test_a_hang_past_the_promised_deadline_fails() -> None:
    """Four seconds were promised, and after twenty it still ran."""
    hung = operation("unknown", "pending")
    found = judge(step("timeout"), hung, demands_of(), end=21.0)
    assert (found.outcome, found.seen, found.contract) == (
        "fail",
        "`read` was still running after 20.0 s",
        "deadline.total: 4",
    )


def test_a_hang_that_nothing_bounds_is_unknown() -> None:
    """Nobody promised an end; nobody saw one."""
    reading = reading_of(operation("unknown", "pending"), end=21.0)
    (found,) = judge_steps(plan_of(step("timeout")), reading, SILENT, demands_of())
    assert found.outcome == "unknown"


def test_the_first_of_the_worst_speaks_for_its_step() -> None:
    """One finding for a step, with how many came out the same."""
    five = step("connection", ids=(1, 2, 3))
    operations = [
        replace(one, id=number) for number, one in enumerate((REFUSED, WORKED, WORKED), 1)
    ]
    demand = demands_of("connect_refused").operations[0]
    demands = Demands(tuple(replace(demand, op=number) for number in (1, 2, 3)), (), ())
    (found,) = judge_steps(plan_of(five), reading_of(*operations), MAXIMUS, demands)
    assert (found.outcome, found.operation, found.more) == ("fail", 2, 1)


def test_required_checks_come_with_their_steps() -> None:
    """The reader learns which line asked for a check."""
    one = step("connection", requires=("C06",), faults=(1,))
    found = required(plan_of(one, Refused(service="core")), MAXIMUS)
    assert found == dict.fromkeys(("C02", "C06", "C20", "C60", "C61"), (one,))


def test_what_never_ends_is_left_to_the_check_of_that() -> None:
    """No run was cut: how it would have ended is known."""
    hung = replace(operation("unknown"), hung=OpHung(t=1.0, op=1, awaits=("shop.py:14",)))
    found = judge(step("ok"), hung, demands_of())
    assert (found.outcome, found.missing) == (
        "unknown",
        "how `read` ends: nothing is left to happen that could end it",
    )
