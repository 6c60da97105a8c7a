"""The lab's own image, as an engine builds it."""

from __future__ import annotations

import os
import subprocess
import sys

import docker

from faultlab.lab.environments.docker.building import EngineBuilder
from faultlab.lab.environments.docker.images import Images, use_images


def test_an_unchanged_checkout_has_nothing_to_build(
    engine: docker.DockerClient, images: Images
) -> None:
    """A warm start must not wait."""
    said: list[str] = []
    assert use_images(EngineBuilder(engine), os.environ, said.append) == images
    assert said == []


def test_stub_gate_and_packet_filter_are_in_one_image(
    engine: docker.DockerClient, images: Images
) -> None:
    """What one of the containers needs and the image lacks would show in the middle of a run."""
    for command in (
        ["python3", "-m", "faultlab", "list", "services"],
        ["python3", "-c", "import faultlab.lab.host, maximus, toxiproxy"],
        ["nft", "--version"],
    ):
        engine.containers.run(images.lab, command[1:], entrypoint=command[0], remove=True)


def test_the_command_names_what_is_used(images: Images) -> None:
    """It makes them ready ahead of the first run, and says so in two lines."""
    done = subprocess.run(
        [sys.executable, "-m", "faultlab", "images"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"lab        {images.lab}\ntoxiproxy  {images.toxiproxy}\n"
    assert done.stderr == ""
