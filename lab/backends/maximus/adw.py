"""Core's AI-driven workflows: fixed answers, as the service gives them, and ids from the clock.

How a workflow that was begun looks is the stub's own choice: none was ever seen. It stays pending,
so its report is never finished.
"""

from __future__ import annotations

from pydantic import JsonValue

from ..routes import Answer, Reply, Request, json_reply
from .bodies import Fields, read_body
from .shape import Clock, Shape, compact, naive

__all__ = ["Workflows"]

_PREFIX = "/api/adw"
_FIXED = (
    "offensive/status",
    "offensive/campaigns",
    "defensive/status",
    "defensive/threats",
    "defensive/coagulation",
    "purple/metrics",
    "overview",
    "health",
)


class _Campaign(Fields):
    objective: str
    scope: list[str]
    constraints: dict[str, JsonValue] | None = None


class _Surface(Fields):
    domain: str
    include_subdomains: bool = True
    port_range: str | None = None
    scan_depth: str = "standard"


class _Credentials(Fields):
    email: str | None = None
    username: str | None = None
    phone: str | None = None
    include_darkweb: bool = True
    include_dorking: bool = True
    include_social: bool = True


class _Target(Fields):
    username: str | None = None
    email: str | None = None
    phone: str | None = None
    name: str | None = None
    location: str | None = None
    image_url: str | None = None
    include_social: bool = True
    include_images: bool = True


class Workflows:
    """Its state: the workflows begun."""

    def __init__(self, shape: Shape, clock: Clock) -> None:
        self._shape = shape
        self._clock = clock
        self._begun: set[str] = set()

    def answers(self) -> dict[str, Answer]:
        """What it serves."""
        workflow = f"{_PREFIX}/workflows/{{workflow_id}}"
        return {
            **{key: self._fixed(key) for key in (f"GET {_PREFIX}/{it}" for it in _FIXED)},
            f"POST {_PREFIX}/offensive/campaign": self._campaign,
            f"POST {_PREFIX}/purple/cycle": self._cycle,
            f"POST {_PREFIX}/workflows/attack-surface": self._attack_surface,
            f"POST {_PREFIX}/workflows/credential-intel": self._credential_intel,
            f"POST {_PREFIX}/workflows/target-profile": self._target_profile,
            f"GET {workflow}/status": self._status,
            f"GET {workflow}/report": self._report,
        }

    def _fixed(self, endpoint: str) -> Answer:
        def answer(_request: Request) -> Reply:
            return self._shape.reply(endpoint, {"time": naive(self._clock())})

        return answer

    def _campaign(self, request: Request) -> Reply:
        body = read_body(_Campaign, request)
        if isinstance(body, Reply):
            return body
        if not body.scope:
            return json_reply(400, {"detail": "Scope cannot be empty"})
        return self._made("offensive/campaign", "campaign_id", "campaign")

    def _cycle(self, _request: Request) -> Reply:
        return self._made("purple/cycle", "cycle_id", "cycle")

    def _attack_surface(self, request: Request) -> Reply:
        body = read_body(_Surface, request)
        return body if isinstance(body, Reply) else self._begin("attack-surface")

    def _credential_intel(self, request: Request) -> Reply:
        body = read_body(_Credentials, request)
        if isinstance(body, Reply):
            return body
        if not (body.email or body.username):
            return json_reply(400, {"detail": "Must provide email or username"})
        return self._begin("credential-intel")

    def _target_profile(self, request: Request) -> Reply:
        body = read_body(_Target, request)
        if isinstance(body, Reply):
            return body
        if not (body.username or body.email or body.name):
            return json_reply(400, {"detail": "Must provide username, email, or name"})
        return self._begin("target-profile")

    def _begin(self, kind: str) -> Reply:
        word = kind.replace("-", "_")
        self._begun.add(f"{word}_{compact(self._clock())}")
        return self._made(f"workflows/{kind}", "workflow_id", word)

    def _made(self, path: str, name: str, word: str) -> Reply:
        now = self._clock()
        values: dict[str, JsonValue] = {name: f"{word}_{compact(now)}", "time": naive(now)}
        return self._shape.reply(f"POST {_PREFIX}/{path}", values)

    def _status(self, request: Request) -> Reply:
        wanted = request.parameter("workflow_id")
        if wanted not in self._begun:
            return json_reply(404, {"detail": "Workflow not found"})
        endpoint = f"GET {_PREFIX}/workflows/{{workflow_id}}/status"
        return self._shape.reply(endpoint, {"workflow_id": wanted})

    def _report(self, request: Request) -> Reply:
        if request.parameter("workflow_id") not in self._begun:
            return json_reply(404, {"detail": "Workflow not found"})
        return json_reply(409, {"detail": "Workflow not completed"})
