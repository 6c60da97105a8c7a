import pytest

from faultlab.faults import KINDS


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("inject: refusd", "5: fault[3].inject: `refusd` is not a kind of fault; nearest: refused"),
        ("inject: slow", "5: fault[3].inject: `slow` is a family of faults; name the kind:\n    latency, stall, frozen, throttle, drip (late: latency; silent: stall; few bytes at a time: drip)"),
        ("inject: [refused]", f"5: fault[3].inject: a list; expected a kind of fault: {', '.join(KINDS)}"),
        ("inject: refused\nlive: dead", "6: fault[3].live: `dead`: expected close, reset or keep"),
        ("inject: refused\nfirst: 3", "6: fault[3].first: `refused` acts on the whole service; it takes no first"),
        ("inject: refused\ndelay: 3s", "6: fault[3].delay: unknown key; known: live, service"),
        ("inject: cut", "5: fault[3].at: missing; expected accept, request_head, request_complete, response_head or response_body"),
        ("inject: cut\nat: request_head\nbytes: 3", "5: fault[3].inject: `bytes` belongs to a cut at response_body"),
        ("inject: cut\nat: response_body\nbytes: few", "7: fault[3].bytes: `few`: expected a whole number or half"),
        ("inject: cut\nat: response_body\nbytes: -1", "7: fault[3].bytes: `-1`: expected half or a whole number, 0 or more"),
        ("inject: latency", "5: fault[3].delay: missing; expected a duration like 500ms"),
        ("inject: latency\ndelay: 2 x breaker.fail_max", "6: fault[3].delay: `breaker.fail_max` measures a count; expected a duration like 500ms, 30s, 2m"),
        ("inject: status", "5: fault[3].inject: write `code` or `sequence`, one of them"),
        ("inject: status\ncode: 999", "6: fault[3].code: `999`: expected a whole number, from 200 to 599"),
        ("inject: status\nsequence: [500, 9]", "6: fault[3].sequence: `9`: expected a list of whole numbers, from 200 to 599"),
        ("inject: status\ncode: 503\nheaders: Retry-After", "7: fault[3].headers: `Retry-After`; expected a mapping like {Retry-After: 1}"),
        ("inject: status\ncode: 503\nendpoint: get orders", "7: fault[3].endpoint: `get orders` is not an endpoint; expected an operation's name, or one like `GET /orders/*`"),
        ("inject: killed\nrestart: soon", "6: fault[3].restart: `soon`: expected a duration like 500ms, 30s, 2m, or a contract field like timeouts.read"),
        ("inject: killed\nrestart: [1s]", "6: fault[3].restart: a list; expected never or a duration"),
        ("inject: frozen\nendpoint: read", "6: fault[3].endpoint: `frozen` acts on the whole service; it takes no endpoint"),
        ("inject: stall\nat:", "6: fault[3].at: empty; expected connect, response_head or response_body"),
    ],
)  # fmt: skip
def test_each_mistake_in_a_fault_has_its_line_key_value_and_cure(
    of_step, step: str, message: str
) -> None:
    """The exact texts; whoever changes one reads them all."""
    assert of_step(step) == f"orders.yaml:{message}"
