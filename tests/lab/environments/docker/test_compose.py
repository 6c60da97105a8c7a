"""Image names as the Compose file has them."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import Any

import pytest
from ruamel.yaml import YAML

from faultlab.lab.backends.maximus import PORTS
from faultlab.lab.environments.docker.compose import compose_file, image_of

TEXT = "services:\n  toxiproxy:\n    image: ${PROXY:-there.example/proxy:2.12.0}\n"


@pytest.mark.parametrize(
    ("environ", "image"),
    [
        ({}, "there.example/proxy:2.12.0"),
        ({"PROXY": "mine:dev"}, "mine:dev"),
        ({"PROXY": ""}, "there.example/proxy:2.12.0"),
    ],
)
def test_a_variable_names_another_image_unless_it_is_empty(
    environ: dict[str, str], image: str
) -> None:
    """As Compose takes `:-`, so that both use the same."""
    assert image_of("toxiproxy", TEXT, environ) == image


def test_the_shipped_file_names_an_official_toxiproxy() -> None:
    """Of the version whose ways the lab knows."""
    image = image_of("toxiproxy", compose_file().read_text("utf-8"), {})
    assert image.endswith("shopify/toxiproxy:2.12.0")


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The shipped file."""
    loaded: dict[str, Any] = YAML(typ="safe").load(compose_file().read_text("utf-8"))
    return loaded


def test_all_services_stand_behind_toxiproxy_on_their_own_ports(written: dict[str, Any]) -> None:
    """A service that is added to the stubs is added here, too: to the file and to Toxiproxy's list."""
    services = written["services"]
    assert services.keys() == {"toxiproxy", *PORTS}
    assert services["toxiproxy"]["ports"] == [
        "127.0.0.1:${FAULTLAB_TOXIPROXY_PORT:-8474}:8474",
        *(
            f"127.0.0.1:${{FAULTLAB_{name.upper()}_PORT:-{port}}}:{port}"
            for name, port in PORTS.items()
        ),
    ]
    (mounted,) = services["toxiproxy"]["volumes"]
    proxies = json.loads((compose_file().parent / mounted.split(":")[0]).read_text("utf-8"))
    assert proxies == [
        {"name": name, "listen": f"0.0.0.0:{port}", "upstream": f"{name}:{port}", "enabled": True}
        for name, port in PORTS.items()
    ]
    assert services["toxiproxy"]["depends_on"] == {
        name: {"condition": "service_healthy"} for name in PORTS
    }


@pytest.mark.parametrize("name", PORTS)
def test_a_stub_is_of_our_image_published_nowhere_and_asked_on_its_port(
    written: dict[str, Any], name: str
) -> None:
    """It is reached through Toxiproxy or not at all."""
    stub = written["services"][name]
    assert stub["image"] == f"${{FAULTLAB_IMAGE:-faultlab:{version('faultlab')}}}"
    assert stub["command"] == ["stubs", name, "--own-ports", "--host", "0.0.0.0"]
    assert f"('127.0.0.1', {PORTS[name]})" in stub["healthcheck"]["test"][-1]
    assert stub["networks"] == ["backends"]
    assert "ports" not in stub
    assert stub["labels"] == {"faultlab.part": "backend", "faultlab.service": name}


def test_no_key_of_later_composes_is_used(written: dict[str, Any]) -> None:
    """Compose 1.29 refuses the whole file for one, and reads a nested variable as text."""
    text = compose_file().read_text("utf-8")
    assert not {"version", "name", "include", "configs"} & written.keys()
    assert not re.findall(r"start_interval|dockerfile_inline|host_ip|required:", text)
    assert not re.findall(r"\$\{\w+:\+|\$\{[^}]*\$\{", text)


def test_networks_have_subnets_of_their_own(written: dict[str, Any]) -> None:
    """Of the addresses that are set aside for tests of networks, so that they are nobody's route."""
    subnets = [network["ipam"]["config"][0]["subnet"] for network in written["networks"].values()]
    assert subnets == [
        "${FAULTLAB_FRONT_SUBNET:-198.19.254.0/24}",
        "${FAULTLAB_BACKENDS_SUBNET:-198.19.255.0/24}",
    ]
