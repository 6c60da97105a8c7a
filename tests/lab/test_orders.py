"""Orders and answers: what one side encodes is what the other carries out."""

from typing import get_args

import msgspec
import pytest

from faultlab.lab.backends.container import Contained
from faultlab.lab.backends.pipe import Place
from faultlab.lab.backends.specification import Builtin, Routed, Url
from faultlab.lab.history import FaultCleared, FaultFired, Header, OpUnknown
from faultlab.lab.orders import (
    Acted,
    Answer,
    AnyOrder,
    Barrier,
    Clear,
    Close,
    Done,
    Enter,
    Failed,
    Fired,
    Fit,
    Fresh,
    Inject,
    Note,
    Open,
    Opened,
    Over,
    Own,
    Reset,
    Serve,
    Wanted,
)

PLACE = Place("/run/stubs", "10.1.2.3")
ORDERS = (
    Open(
        number=1,
        services={"a": Routed('{"GET /x": {}}'), "b": Builtin("core"), "c": Url("http://h:80")},
        header=Header(scenario="down", seed=7),
        path="/run/down/armed.jsonl",
        ports={"a": 0, "b": 4001},
        places={"a": PLACE},
    ),
    Serve(number=2, service="d", specification=Builtin("penelope"), place=PLACE),
    Acted(number=16, wanted=1, came=Contained(container=3, place=PLACE)),
    Acted(number=17, wanted=2, came=Contained("no such container")),
    Enter(number=3, phase="fault"),
    Inject(number=4, fault=1, json=b'{"kind":"refused","service":"a"}', unfired="ok"),
    Fit(number=15, faults=(b'{"kind":"refused","service":"a"}',)),
    Clear(number=5),
    Clear(number=6, faults=(1, 2)),
    Fresh(number=7),
    Opened(number=13),
    Own(number=14, service="a", kind="killed", again=True),
    Reset(number=8),
    Barrier(number=9),
    Barrier(number=10, token=3),
    Note(number=11, event=OpUnknown(t=0.5, op=3)),
    Close(number=12),
)
ANSWERS = (
    Done(number=1, start=12.25, ports={"a": 4000}),
    Done(number=4, text="listener without a queue"),
    Failed(number=4, kind="fault", text="no such service"),
    Failed(number=1, kind="setup", text="port 1 can't be had"),
    Wanted(wanted=1, act="start", service="a"),
    Wanted(wanted=2, act="pause", container=3),
    Wanted(wanted=3, act="cut", service="a", peer="proxy", ways=("to_client",)),
    Fired(fault=1, event=FaultFired(t=0.25, fault=1, service="a")),
    Over(fault=1, event=FaultCleared(t=0.5, fault=1, service="a")),
)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: type(order).__name__)
def test_an_order_arrives_as_it_was_given(order: AnyOrder) -> None:
    """A field that got lost on the way would be carried out as its default."""
    data = msgspec.msgpack.encode(order)
    assert msgspec.msgpack.decode(data, type=AnyOrder) == order


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
def test_an_answer_arrives_as_it_was_given(answer: Answer) -> None:
    """The conductor raises by what the answer says."""
    data = msgspec.msgpack.encode(answer)
    assert msgspec.msgpack.decode(data, type=Answer) == answer


def test_each_order_and_answer_is_among_the_examples() -> None:
    """Whoever adds an order adds its example."""
    assert {type(order) for order in ORDERS} == set(get_args(AnyOrder))
    assert {type(answer) for answer in ANSWERS} == set(get_args(Answer))


def test_an_order_that_nobody_knows_is_refused() -> None:
    """Two versions that meet by accident must not half understand each other."""
    data = msgspec.msgpack.encode({"order": "freeze", "number": 1})
    with pytest.raises(msgspec.ValidationError, match="freeze"):
        msgspec.msgpack.decode(data, type=AnyOrder)
