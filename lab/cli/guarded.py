"""A command with each of its errors as one message to whoever can mend it, and an exit code.

Ctrl-C and SIGTERM end it in order, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

__all__ = ["guarded"]

P = ParamSpec("P")


def _fail(text: str, code: int) -> SystemExit:
    click.echo(f"{text} (exit {code})", err=True)
    return SystemExit(code)


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command with each error as a message to whoever can mend it, and its exit code."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        from ..interrupts import said, terminable

        try:
            with terminable():
                _addressed(lambda: command(*args, **kwargs))
        except KeyboardInterrupt as error:
            how, code = said(error)
            raise _fail(f"{how}; everything is closed", code) from None

    return guarded


def _addressed(command: Callable[[], None]) -> None:
    from ...scenarios import ScenarioError
    from ..contract import ContractError
    from ..errors import LabError, UsageError

    try:
        command()
    except ScenarioError as error:
        click.echo(str(error), err=True)
        click.echo(error.summary(), err=True)
        raise SystemExit(2) from None
    except UsageError as error:
        raise _fail(f"{type(error).__name__}: {error}", 2) from None
    except (LabError, ContractError) as error:
        raise _fail(f"{type(error).__name__}: {error}", 3) from None
