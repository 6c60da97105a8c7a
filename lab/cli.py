"""The command line, `faultlab`: one lazy command per verb.

Counterpart: `lab.pytest_plugin`, the other way in.
"""

import click


@click.group()
@click.version_option(package_name="faultlab")
def main() -> None:
    """Does this client survive its backends failing?"""
