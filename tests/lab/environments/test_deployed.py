"""MAXIMUS itself in the place of its stubs."""

from __future__ import annotations

import pytest

from faultlab.lab.backends.specification import Builtin, Image, Specification, Url
from faultlab.lab.environments.deployed import deployed
from faultlab.lab.errors import UsageError

CORE = Image("registry/core:2.1", 8100, ready="/health")
NAMED = {"MAXIMUS_CORE_IMAGE": "registry/core:2.1"}


@pytest.mark.parametrize(
    ("services", "found"),
    [
        ({"core": Builtin("core"), "penelope": Builtin("penelope")}, {"core": CORE}),
        ({"shop": Builtin("core")}, {"shop": CORE}),
        ({"core": None}, {"core": CORE}),
        ({"core": Builtin("core", ("degraded",))}, {}),
        ({"core": Builtin("core", pace="loaded")}, {}),
        ({"core": Url("http://192.168.0.7:1")}, {}),
    ],
)
def test_a_plain_stub_is_what_the_image_takes_the_place_of(
    services: dict[str, Specification | None], found: dict[str, Image]
) -> None:
    """Who says more than the stub's name means the stub."""
    assert deployed("docker", services, NAMED) == found


def test_only_where_there_are_containers() -> None:
    """A variable that is set for docker changes nothing elsewhere."""
    assert deployed("embedded", {"core": Builtin("core")}, NAMED) == {}
    assert deployed("docker", {"core": Builtin("core")}, {}) == {}


def test_a_port_may_stand_behind_it() -> None:
    """The field's, unless the image has another."""
    services = {"core": Builtin("core")}
    (core,) = deployed("docker", services, {"MAXIMUS_CORE_IMAGE": "a/core@9000"}).values()
    assert (core.image, core.port) == ("a/core", 9000)
    digest = "a/core@sha256:" + "0" * 64
    (core,) = deployed("docker", services, {"MAXIMUS_CORE_IMAGE": digest}).values()
    assert (core.image, core.port) == (digest, 8100)


def test_a_variable_that_names_no_image_is_told() -> None:
    """By its name, before anything runs."""
    with pytest.raises(UsageError, match=r"^MAXIMUS_CORE_IMAGE: image: 'a b'; expected a name"):
        deployed("docker", {"core": None}, {"MAXIMUS_CORE_IMAGE": "a b"})
