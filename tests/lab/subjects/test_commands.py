from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from faultlab import op, subject
from faultlab.lab.backends.specification import Builtin, Url
from faultlab.lab.frames import Frames
from faultlab.lab.subjects.commands import (
    Describe,
    Described,
    Offered,
    Open,
    answers,
    commands,
    describe,
    encode,
)
from faultlab.lab.subjects.declaration import Contract, Op
from faultlab.lab.tune import FAST


class OrdersError(Exception):
    """A client's own error."""


def described(services: Mapping[str, object], contract: Contract = None) -> Any:
    """What is told of a subject with one operation."""

    @subject(services=services, contract=contract)
    def orders(urls: Mapping[str, str], tune: object) -> Iterator[dict[str, Op]]:
        yield {}

    name = next(iter(services))
    return describe(orders, {"read": op(f"{name} GET /orders/{{id}}", print, 7)})


def test_a_subject_travels_without_its_code() -> None:
    """The conductor plans with what is offered, and never runs the author's file."""
    declared = described({"orders": "http://127.0.0.1:9000", "core": "core"})
    assert declared.name == "orders"
    assert declared.services == {"orders": Url("http://127.0.0.1:9000"), "core": Builtin("core")}
    assert declared.asks == ("urls", "tune")
    assert declared.offers == (
        Offered(name="read", service="orders", method="GET", path="/orders/{id}", idempotent=True),
    )
    assert declared.offers[0].endpoint == "GET /orders/{id}"
    sent = encode(Described(number=3, declared=declared))
    assert [answers.decode(it) for it in Frames().bodies(sent)] == [
        Described(number=3, declared=declared)
    ]


def test_a_contract_names_its_classes() -> None:
    """The conductor can't import them; the history names them the same way."""
    contract = {"errors": {"connection": OrdersError, "timeout": (OrdersError, 28)}, "max": 3}
    assert described({"orders": "core"}, contract).contract == {
        "errors": {
            "connection": f"{__name__}.OrdersError",
            "timeout": [f"{__name__}.OrdersError", 28],
        },
        "max": 3,
    }


@pytest.mark.parametrize(
    ("contract", "told"),
    [
        (None, None),
        ("httpx", "httpx"),
        ("orders.yaml", str(Path(__file__).parent / "orders.yaml")),
    ],
)
def test_a_contract_file_lies_beside_the_subject(contract: Contract, told: str | None) -> None:
    """The command may be given in any folder."""
    assert described({"orders": "core"}, contract).contract == told


@pytest.mark.parametrize("value", ["orders.openapi.yaml", "mabba", "localhost:80", {"orders": 7}])
def test_a_service_that_nobody_serves_is_named(value: object) -> None:
    """Its author has several."""
    with pytest.raises(ValueError, match=r"^services\['stock'\]: "):
        described({"core": "core", "stock": value})


@pytest.mark.parametrize(
    "command",
    [
        Describe(number=1, tune=FAST, seed=7),
        Open(number=2, urls={"core": "http://127.0.0.1:1"}, tune=None, seed=7, start=12.5),
    ],
)
def test_commands_go_both_ways(command: Describe | Open) -> None:
    """A tune that lost a field would judge the client by other numbers."""
    assert [commands.decode(it) for it in Frames().bodies(encode(command))] == [command]
