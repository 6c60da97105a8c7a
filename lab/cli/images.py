"""The images of `--env docker`, made ready ahead of the first run."""

from __future__ import annotations

import click

from .guarded import guarded

__all__ = ["images"]


@click.command()
@guarded
def images() -> None:
    """Make the images of --env docker ready, and name them.

    The first run would do it, too: here it is done ahead, as in a CI job. What is there
    already takes no time.

    \b
    FAULTLAB_TOXIPROXY_IMAGE   Toxiproxy's image, instead of the official one
    FAULTLAB_IMAGE             the lab's own, ready-made, instead of one built here
    FAULTLAB_BASE_IMAGE        what that is built over: Python 3.11 or later
    """
    import os
    from contextlib import closing

    from ..environments.docker.building import EngineBuilder
    from ..environments.docker.client import connect
    from ..environments.docker.images import use_images

    def say(text: str) -> None:
        click.echo(text, err=True)

    with closing(connect(os.environ)) as client:
        ready = use_images(EngineBuilder(client), os.environ, say)
    click.echo(f"lab        {ready.lab}\ntoxiproxy  {ready.toxiproxy}")
