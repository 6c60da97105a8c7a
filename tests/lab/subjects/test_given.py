"""What stands beside a subject's name: who serves, what is promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultlab.lab.backends.specification import Builtin, Image, Routed, Url
from faultlab.lab.errors import UsageError
from faultlab.lab.subjects.given import Given, demand_served, read_given


def test_nothing_said_leaves_all_to_the_subject() -> None:
    """Its own declaration holds."""
    assert read_given((), None) == Given()


def test_a_service_is_served_as_a_subject_s_author_may_say_it() -> None:
    """By a URL, a stub, or routes as JSON."""
    given = read_given(
        ('orders={"GET /orders/{id}": {"id": 7}}', "core=http://127.0.0.1:9000", "nis=nis"), None
    )
    assert given.services == {
        "orders": Routed('{"GET /orders/{id}": {"id": 7}}'),
        "core": Url("http://127.0.0.1:9000"),
        "nis": Builtin("nis"),
    }
    assert given.words[:2] == ("--service", 'orders={"GET /orders/{id}": {"id": 7}}')


def test_a_contract_is_a_name_or_a_file(tmp_path: Path) -> None:
    """As for a subject."""
    file = tmp_path / "c.yaml"
    file.write_text("attempts: {max: 3}\nerrors: {connect_refused: 7}\n")
    given = read_given((), str(file))
    assert given.contract is not None
    assert given.contract.attempts.max == 3
    assert given.words == ("--contract", str(file))
    named = read_given((), "httpx").contract
    assert named is not None
    assert named.name == "httpx"


@pytest.mark.parametrize(
    ("services", "contract", "told"),
    [
        (("orders",), None, "--service orders: not NAME=WHO"),
        (("orders=",), None, "--service orders=: not NAME=WHO"),
        (("orders=https://x",), None, "--service orders: 'https://x': https comes with"),
        (("orders={",), None, "--service orders: "),
        ((), "nothing", "--contract nothing: contract nothing:"),
        ((), "nowhere.yaml", "file: No such file or directory"),
    ],
)
def test_what_means_nothing_is_told(
    services: tuple[str, ...], contract: str | None, told: str
) -> None:
    """Before anything is started."""
    with pytest.raises(UsageError) as caught:
        read_given(services, contract)
    assert told in caught.value.text


def test_a_place_that_nobody_serves_has_its_nearest() -> None:
    """A misspelt service of the lab's, one of the user's, or no place at all."""
    with pytest.raises(UsageError) as caught:
        demand_served("cmd:curl {cor}", {}, ["cor"], {})
    assert caught.value.text == "cmd:curl {cor}: {cor} is no service that comes with the lab"
    assert caught.value.rows["nearest"] == "{core}"
    assert "--service cor=" in caught.value.rows["mend"]
    assert "{{cor}} for the text {cor}" in caught.value.rows["mend"]
    demand_served("cmd:curl {cor}", {}, ["cor"], {"cor": 1})


def test_a_service_that_the_subject_has_not_is_told() -> None:
    """It would serve nobody."""
    with pytest.raises(UsageError) as caught:
        demand_served("lab.py:orders", {"orders": 1}, [], {"order": 1})
    assert caught.value.rows == {"nearest": "orders"}


def test_images_that_variables_name_stand_beside_what_was_said() -> None:
    """It wins; and a run can be repeated without the variables."""
    image = Image("core:2", 8150, ready="/health")
    given = read_given(("core=http://127.0.0.1:9000",), None).beside({"core": image, "nis": image})
    assert given.services == {"core": Url("http://127.0.0.1:9000"), "nis": image}
    assert given.words[2:] == (
        "--service",
        'nis={"image": "core:2", "port": 8150, "ready": "/health"}',
    )
    again = read_given((given.words[-1],), None).services["nis"]
    assert again == image
