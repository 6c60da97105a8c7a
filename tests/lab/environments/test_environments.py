"""The environments' one interface, and which faults each can do."""

import inspect
from collections.abc import Callable

import pytest

from faultlab.faults import KINDS, Partition, Refused
from faultlab.lab.backends.specification import Specification, parse
from faultlab.lab.environments import (
    ENVIRONMENTS,
    Environment,
    Handle,
    demand_servable,
    undone,
    unserved,
)
from faultlab.lab.environments.hosted import Armed, Hosted
from faultlab.lab.errors import UsageError

METHODS = [
    name
    for name, value in vars(Environment).items()
    if inspect.isfunction(value) and not name.startswith("_")
]


def test_embedded_can_do_every_fault_there_is() -> None:
    """A kind without an environment could be written in a file and never be played."""
    assert ENVIRONMENTS["embedded"] == KINDS.keys()


def test_a_cut_between_backends_is_done_where_they_have_a_network() -> None:
    """Elsewhere it is refused by name before anything is played, with where it can be done."""
    cut = Partition(service="orders", between="core")
    assert undone("docker", cut) == ""
    assert undone("embedded", cut) == (
        "`partition` between orders and core can't be done in embedded, whose backends have no "
        "network of their own; `--env docker` can, and `--env simulated`"
    )
    assert undone("embedded", Partition(service="orders")) == ""


def test_a_kind_that_an_environment_lacks_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With those that have it."""
    monkeypatch.setitem(ENVIRONMENTS, "embedded", frozenset())
    assert undone("embedded", Refused(service="orders")) == (
        "`refused` can't be done in embedded; `--env docker` or `--env simulated` can"
    )


@pytest.mark.parametrize("name", METHODS)
def test_a_run_in_a_lab_process_offers_what_the_interface_says(name: str) -> None:
    """The conductor knows the interface only; embedded and docker are held by it alike."""
    assert parameters(getattr(Hosted, name)) == parameters(getattr(Environment, name))


def parameters(method: Callable[..., object]) -> list[inspect.Parameter]:
    """What a method takes; its annotations compared as text."""
    return list(inspect.signature(method).parameters.values())


def test_a_handle_is_what_an_inject_gives() -> None:
    """Its fields are read by the fixture of tests."""
    armed = Armed(3, "gate")
    handle: Handle = armed
    assert (handle.number, handle.mechanism, handle.first.done()) == (3, "gate", False)


def test_a_waiter_who_gives_up_takes_the_news_from_nobody() -> None:
    """Several tests may wait for the first hit of one fault."""
    assert not Armed(1).first.cancel()


@pytest.mark.parametrize(
    ("environment", "who", "reason"),
    [
        (
            "embedded",
            "image:nginx:1.27@80",
            "the image nginx:1.27 needs containers, which `--env docker` has",
        ),
        ("docker", "cmd:./orders", "the command ./orders would run on this machine, which"),
    ],
)
def test_what_an_environment_can_t_have_served_is_refused_by_name(
    environment: str, who: str, reason: str
) -> None:
    """With where it can, before anything is started."""
    found = unserved(environment, parse(who))
    assert found.startswith(reason)
    assert "`--env " in found
    with pytest.raises(UsageError, match=r"^orders: (the|http)"):
        demand_servable(environment, "orders", parse(who))


@pytest.mark.parametrize(
    ("who", "instead"),
    [
        ("cmd:./orders", "`--env embedded`"),
        ("image:nginx:1.27@80", "`--env docker`"),
        ("http://127.0.0.1:9000", "`--env embedded` or `--env docker`"),
    ],
)
def test_a_server_outside_the_simulation_is_sent_where_it_is_reached(
    who: str, instead: str
) -> None:
    """And nobody is told to name another of the kind."""
    with pytest.raises(UsageError, match="outside the simulation") as told:
        demand_servable("simulated", "orders", parse(who))
    assert (
        str(told.value).splitlines()[0].endswith(f"whose services are stubs; {instead} reaches it")
    )
    assert told.value.rows["mend"] == "routes, an OpenAPI file or a built-in stub for it"


@pytest.mark.parametrize(
    ("environment", "who"),
    [
        ("embedded", "cmd:./orders"),
        ("embedded", "http://127.0.0.1:9000"),
        ("docker", "image:nginx:1.27@80"),
        ("docker", "http://192.168.0.7:9000"),
        ("docker", "core"),
    ],
)
def test_the_rest_is_served(environment: str, who: str) -> None:
    """Stubs everywhere."""
    specification: Specification = parse(who)
    assert unserved(environment, specification) == ""
    demand_servable(environment, "orders", specification)
