"""Image names as the Compose file has them."""

from __future__ import annotations

import pytest

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
