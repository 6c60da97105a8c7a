"""The command line, `faultlab`: one lazy command per verb.

Counterpart: `lab.pytest_plugin`, the other way in. Commands import what they need when they run,
so that `--help` is quick. Options are parsed here; lab/console.py plays and shows.
"""

from __future__ import annotations

import click

from .images import images
from .listing import list_
from .serving import proxy, stubs
from .stories import explain, judge, run, schema

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(package_name="faultlab", message="faultlab %(version)s")
def main() -> None:
    """Does this client survive its backends failing?

    A fault proxy stands between a client (the subject) and its backends, breaks
    things as a scenario says, and judges what the wire shows by what the client
    promises (its contract).

    \b
    faultlab run                  the whole catalog on the reference client
    faultlab run down             one scenario, by name, file or folder
    faultlab run --subject orders_lab.py:orders
                                  your own client
    faultlab run --subject 'cmd:curl -sf --retry 2 {core}/health'
                                  a command, in any language

    Exit codes: 0 pass; 1 fail; 2 the scenario or the command line is wrong;
    3 unknown, error, set-up or nothing offered; 130 Ctrl-C; 143 SIGTERM.
    """


for _command in (run, judge, explain, schema, proxy, stubs, images, list_):
    main.add_command(_command)
