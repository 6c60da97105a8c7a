"""What the lab raises when it can't do its work, each addressed to whoever can mend it.

    LabError
    |-- UsageError     the command line: a name or value that means nothing
    |-- SetupError     this machine: a port, a right, a process of ours
    |-- FaultError     a fault that can't be armed here, addressed to who armed it
    `-- SubjectError   the adapter, addressed to its author
    scenarios.ScenarioError   the file (its own tree: a file has many problems at once)

A subject that fails its test is a verdict, never one of these.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import override

__all__ = [
    "EvidenceMissing",
    "FaultError",
    "LabError",
    "SetupError",
    "SubjectError",
    "UsageError",
]

_LABEL = 10  # columns of the longest label and its gap


class LabError(Exception):
    """One message: a sentence that names the place, then labelled rows in the order given.

    The usual labels are `expected`, `seen`, `at` and `mend`; a row without text is left out.
    """

    def __init__(self, text: str, **rows: str) -> None:
        super().__init__(text)
        self.text = text
        self.rows = {label: row for label, row in rows.items() if row}

    @override
    def __str__(self) -> str:
        shown = [f"  {label:<{_LABEL}} {row}" for label, row in self.rows.items()]
        return "\n".join([self.text, *shown])

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        # The default would lose the rows on the error's way between processes.
        return (_restored, (type(self), self.text, self.rows))


def _restored(cls: type[LabError], text: str, rows: dict[str, str]) -> LabError:
    return cls(text, **rows)


class UsageError(LabError):
    """Something on the command line names nothing that exists, or not what is needed there."""


class SetupError(LabError):
    """This machine lacks something that the lab needs."""


class FaultError(LabError):
    """A fault can't be armed as asked; the message names it and the reason."""


class SubjectError(LabError):
    """An adapter, or the client behind it, broke the terms on which it can be judged."""


class EvidenceMissing(LabError):  # noqa: N818 - says what is missing
    """A count was asked for that the lab could only guess; the rows say what is missing and why."""
