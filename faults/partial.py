"""The family `partial`: an answer is unusable or lost, the rest of the service works."""

from __future__ import annotations

from typing import ClassVar, Literal

from .scope import Family, Fault, Reach


class BadBody(Fault):
    """The backend's answer arrives with a body that cannot be used; framing stays correct."""

    family: ClassVar[Family] = "partial"
    reach: ClassVar[Reach] = "request"
    observables: ClassVar[tuple[str, ...]] = ("bad_json",)

    kind: Literal["bad_body"] = "bad_body"
    body: Literal["invalid_json"] = "invalid_json"


class LostAnswer(Fault):
    """The request is carried out, its effect applied, and the connection ends without an answer."""

    family: ClassVar[Family] = "partial"
    reach: ClassVar[Reach] = "request"
    observables: ClassVar[tuple[str, ...]] = ("eof_before_response", "reset_before_response")

    kind: Literal["lost_answer"] = "lost_answer"
    by: Literal["fin", "rst"] = "fin"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as."""
        return ("eof_before_response",) if self.by == "fin" else ("reset_before_response",)
