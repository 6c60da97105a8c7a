"""The images of `--env docker`, made ready ahead of the first run."""

from __future__ import annotations

import click

from .guarded import guarded

__all__ = ["images"]


@click.command()
@click.option("--prune", is_flag=True, help="Remove the lab's own that no lab has used for a day.")
@guarded
def images(*, prune: bool) -> None:
    """Make the images of --env docker ready, and name them.

    The first run would do it, too: here it is done ahead, as in a CI job. What is there
    already takes no time. Each edit of faultlab makes an image of its own; those that no lab
    has used for a day, and no container is of, are removed whenever one is built.

    \b
    FAULTLAB_TOXIPROXY_IMAGE   Toxiproxy's image, instead of the official one
    FAULTLAB_IMAGE             the lab's own, ready-made, instead of one built here
    FAULTLAB_BASE_IMAGE        what that is built over: Python 3.11 or later
    """
    import os
    from contextlib import closing

    from ..environments.docker.building import EngineBuilder
    from ..environments.docker.client import connect
    from ..environments.docker.images import prune_images, use_images

    def say(text: str) -> None:
        click.echo(text, err=True)

    with closing(connect(os.environ)) as client:
        builder = EngineBuilder(client)
        ready = use_images(builder, os.environ, say)
        gone = prune_images(builder, say) if prune else ()
    click.echo(f"lab        {ready.lab}\ntoxiproxy  {ready.toxiproxy}")
    for name in gone:
        click.echo(f"removed    {name}")
