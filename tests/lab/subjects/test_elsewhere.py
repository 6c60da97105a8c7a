import pytest

from faultlab.lab.subjects.elsewhere import (
    Address,
    calls_another,
    is_number,
    variables_holding,
    went_elsewhere,
)


@pytest.mark.parametrize(
    ("address", "names"),
    [
        (Address("127.0.0.1", 8080), ("ORDERS_URL",)),
        (Address("orders.prod", 443), ("UPSTREAM",)),
        (Address("orders.prod", 8443), ("OTHER", "UPSTREAM")),
        (Address("10.0.0.1", 80), ()),
    ],
)
def test_the_variable_that_holds_an_address_is_named(
    address: Address, names: tuple[str, ...]
) -> None:
    """That is where the client has it from."""
    environment = {
        "ORDERS_URL": "http://localhost:8080/v1",
        "UPSTREAM": "https://orders.prod/",
        "OTHER": "orders.prod:8443",
        "HOME": "/root",
    }
    assert variables_holding(address, environment) == names


def test_its_author_is_told_where_the_client_went() -> None:
    """A client that works without the lab's addresses would pass every story."""
    error = went_elsewhere(
        "orders_lab.py:orders",
        operation="read",
        ended="came back ok",
        service="orders",
        url="http://127.0.0.1:41733",
        seen=[Address("127.0.0.1", 8080, 1), Address("127.0.0.1", 8080, 2)],
        environment={"ORDERS_URL": "http://127.0.0.1:8080"},
    )
    assert str(error).splitlines() == [
        "orders_lab.py:orders: `read` came back ok from elsewhere",
        '  expected   a connect to 127.0.0.1:41733, which is urls["orders"]',
        "  seen       one to 127.0.0.1:8080; the variable ORDERS_URL holds that address",
        '  mend       build the client from urls["orders"]',
    ]


def test_a_client_that_went_nowhere_is_told_so() -> None:
    """An operation that sends nothing is no operation."""
    error = went_elsewhere(
        "orders_lab.py:orders",
        operation="read",
        ended="came back ok",
        service="orders",
        url="http://127.0.0.1:41733",
        seen=[],
        environment={},
    )
    assert error.text == "orders_lab.py:orders: `read` came back ok without a connect"
    assert error.rows["seen"] == "no connect at all"


def test_numbers_are_no_names() -> None:
    """A look-up of a number asks nobody."""
    assert [is_number(it) for it in ("127.0.0.1", "::1", "orders.prod")] == [True, True, False]


def test_a_command_is_told_in_words_of_the_command_line() -> None:
    """It has no `urls`, and where else it connects nobody has watched."""
    error = went_elsewhere(
        "cmd:echo {core}",
        operation="read",
        ended="came back ok",
        service="core",
        url="http://127.0.0.1:41733",
        seen=[],
        environment={},
    )
    assert str(error).splitlines() == [
        "cmd:echo {core}: `read` came back ok without a connect to core",
        "  expected   a connect to 127.0.0.1:41733, which is {core}",
        "  seen       none; where else a command connects is not watched",
        "  mend       have the command call {core}",
    ]


@pytest.mark.parametrize(
    ("subject", "mend"),
    [
        ("orders_lab.py:orders", "declare what the call sends"),
        ("cmd:./ask {core}", "write its request in front: 'cmd:POST /query ...'"),
    ],
)
def test_a_wrong_declaration_has_the_right_one(subject: str, mend: str) -> None:
    """What was seen on the wire is what to write."""
    error = calls_another(
        subject, "read", declared="GET /", service="core", method="POST", target="/query?a=1"
    )
    assert (error.rows["expected"], error.rows["seen"]) == (
        "GET /",
        "POST /query?a=1 on the wire to core",
    )
    assert error.rows["mend"] == f"{mend}; idempotency, scopes and breakers go by it"
