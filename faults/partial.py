"""The family `partial`: an answer is unusable or lost, the rest of the service works."""

from __future__ import annotations

from typing import ClassVar, Literal

from .bodies import BODIES
from .scope import Family, Fault, Reach


class BadBody(Fault):
    """The backend's answer arrives with a body that cannot be used.

    Status and other headers stay the backend's, and the framing stays correct, but for
    `bad_chunk`: a chunk without a size, and FIN behind it. An answer without a body is passed.
    `wrong_type` keeps the fields of the backend's own body and changes their types.
    """

    family: ClassVar[Family] = "partial"
    reach: ClassVar[Reach] = "request"
    observables: ClassVar[tuple[str, ...]] = tuple(
        dict.fromkeys(body.damaged for body in BODIES.values())
    )

    kind: Literal["bad_body"] = "bad_body"
    body: Literal[
        "invalid_json",
        "html",
        "empty",
        "wrong_schema",
        "wrong_type",
        "bad_chunk",
        "bad_gzip",
        "other_service",
    ] = "invalid_json"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as."""
        return (BODIES[self.body].damaged,)


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
