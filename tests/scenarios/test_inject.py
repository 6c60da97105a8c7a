import pytest

from faultlab.faults import KINDS


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("inject: refusd", "5: fault[3].inject: `refusd` is not a kind of fault; nearest: refused"),
        ("inject: slow", "5: fault[3].inject: `slow` is a family of faults; name the kind:\n    latency, stall, frozen, throttle, drip (late: latency; silent: stall; few bytes at a time: drip)"),
        ("inject: [refused]", f"5: fault[3].inject: a list; expected a kind of fault: {', '.join(KINDS)}"),
        ("inject: refused\nlive: dead", "6: fault[3].live: `dead`: expected close, reset or keep"),
        ("inject: refused\nfirst: 3", "6: fault[3].first: `refused` acts on connects, before there is a request: it takes no `first`"),
        ("inject: refused\nonly: 3s", "6: fault[3].only: unknown key; known: live, service, after, lasts"),
        ("inject: refused\ndelay: 3s", "6: fault[3].delay: `refused` takes no `delay`; latency takes it"),
        ("inject: latency\nrate: 64kB/s", "6: fault[3].rate: `latency` takes no `rate`; throttle takes it"),
        ("inject: latency\ndelai: 3s", "6: fault[3].delai: unknown key; nearest: delay"),
        ("inject: latency\ndelay: 1s\nattempts: 1", "7: fault[3].attempts: belongs to a step with an operation; nearest: attempt"),
        ("inject: latency\ntimes: 3", "6: fault[3].times: belongs to a step with an operation"),
        ("inject: Latency", "5: fault[3].inject: `Latency` is not a kind of fault; nearest: latency"),
        ("inject: refused\nlive: rset", "6: fault[3].live: `rset`: expected close, reset or keep; nearest: reset"),
        ("inject: killed\nrestart: nevr", "6: fault[3].restart: `nevr`: unknown word; nearest: never"),
        ("inject: stall\nafter: opn", "6: fault[3].after: `opn`: unknown word; nearest: open"),
        ("inject: cut\nat: response_body\nbytes: haf", "7: fault[3].bytes: `haf`: expected a whole number or half; nearest: half"),
        ("inject: cut", "5: fault[3].at: missing; expected accept, request_head, request_complete, response_head or response_body"),
        ("inject: cut\nat: request_head\nbytes: 3", "5: fault[3].inject: `bytes` belongs to a cut at response_body"),
        ("inject: cut\nat: response_body\nbytes: few", "7: fault[3].bytes: `few`: expected a whole number or half"),
        ("inject: cut\nat: response_body\nbytes: -1", "7: fault[3].bytes: `-1`: expected half or a whole number, 0 or more"),
        ("inject: latency", "5: fault[3].delay: missing; expected a duration like 500ms"),
        ("inject: latency\ndelay: 2 x breaker.fail_max", "6: fault[3].delay: `breaker.fail_max` measures a count; expected a duration like 500ms, 30s, 2m"),
        ("inject: status", "5: fault[3].inject: write `code` or `sequence`, one of them"),
        ("inject: status\ncode: 999", "6: fault[3].code: `999`: expected a whole number, from 200 to 599"),
        ("inject: status\nsequence: [500, 9]", "6: fault[3].sequence: `9`: expected a whole number or a list of them, from 200 to 599"),
        ("inject: status\ncode: 503\nheaders: Retry-After", "7: fault[3].headers: `Retry-After`; expected a mapping like {Retry-After: 1}"),
        ("inject: status\ncode: 503\nendpoint: get orders", "7: fault[3].endpoint: `get orders` is not an endpoint; expected an operation's name, or one like `GET /orders/*`"),
        ("inject: killed\nrestart: soon", "6: fault[3].restart: `soon`: expected never or a duration like 500ms"),
        ("inject: killed\nrestart: [1s]", "6: fault[3].restart: a list; expected never or a duration like 500ms"),
        ("inject: frozen\nendpoint: read", "6: fault[3].endpoint: `frozen` acts on the backend's process, and so every connection to the service: it takes no `endpoint`"),
        ("inject: stall\nat: connect\nattempt: 1", "5: fault[3].inject: it acts on connects, before there is a request: it takes no `attempt`"),
        ("inject: stall\nevery_nth: 1", "6: fault[3].every_nth: `1`: expected a whole number, 2 or more"),
        ("inject: stall\nattempt: [1, two]", "6: fault[3].attempt: `two`: expected a whole number"),
        ("inject: stall\nfraction: 30%", "6: fault[3].fraction: `30%`: expected a fraction like 0.3"),
        ("inject: stall\nfraction: 1.5", "6: fault[3].fraction: `1.5`: expected a fraction like 0.3, over 0, up to 1"),
        ("inject: stall\nconnections: old", "6: fault[3].connections: `old`: expected new or live"),
        ("inject: refused\nafter: soon", "6: fault[3].after: `soon`: expected a duration like 500ms, request, open or a size like 4kB"),
        ("inject: refused\nlasts: 0s", "6: fault[3].lasts: `0.0`: expected a duration like 500ms"),
        ("inject: drip\nsize: 3", "6: fault[3].size: `3` has no unit; write 3B or 3kB"),
        ("inject: throttle\nrate: 3kB", "6: fault[3].rate: `3kB`: expected a rate like 64kB/s; in B, kB or MB, whole bytes to 1000MB"),
        ("inject: stall\nat:", "6: fault[3].at: empty; expected connect, response_head or response_body"),
    ],
)  # fmt: skip
def test_each_mistake_in_a_fault_has_its_line_key_value_and_cure(
    of_step, step: str, message: str
) -> None:
    """The exact texts; whoever changes one reads them all."""
    assert of_step(step) == f"orders.yaml:{message}"
