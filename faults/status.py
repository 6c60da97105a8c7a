"""The family `5xx`: the gate answers with a status of the fault's choosing; no effect is applied."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from .scope import Family, Fault, Reach, Text

Code = Annotated[int, Field(ge=200, le=599)]
"""A final HTTP status; an interim one (1xx) answers nothing (RFC 9110, 15.2)."""


class Status(Fault):
    """Each request in scope is answered with `code`, or one each with `sequence`, then it works.

    `headers` are pairs in order; `body` is text, by default a JSON object that names the status.
    """

    family: ClassVar[Family] = "5xx"
    reaches: ClassVar[tuple[Reach, ...]] = ("request",)
    observables: ClassVar[tuple[str, ...]] = ("status",)

    kind: Literal["status"] = "status"
    code: Code | None = None
    sequence: tuple[Code, ...] = ()
    headers: tuple[tuple[Text, Text], ...] = ()
    body: Text | None = Field(default=None)

    @model_validator(mode="after")
    def _one_of_code_and_sequence(self) -> Status:
        if (self.code is None) == (not self.sequence):
            raise ValueError("write `code` or `sequence`, one of them")
        if self.sequence and self.first is not None:
            raise ValueError("`first` belongs to `code`; a sequence ends by itself")
        return self

    def observable(self) -> tuple[str, ...]:
        """What this value shows as."""
        codes = self.sequence if self.code is None else (self.code,)
        return tuple(f"status:{code}" for code in dict.fromkeys(codes))
