"""A stage for the client without sockets: virtual time, and a transport that follows a script."""

import asyncio
import json
import selectors
from random import Random

import httpx
import pytest

from maximus import MaximusClient

TIG = {
    "node_count": 100,
    "edge_count": 1798,
    "density": 0.3632,
    "avg_clustering_coefficient": 0.5168,
    "avg_path_length": 1.6368,
    "algebraic_connectivity": 0.15,
    "effective_connectivity_index": 0.6816,
    "has_feed_forward_bottlenecks": False,
    "bottleneck_locations": [],
    "min_path_redundancy": 15770,
    "avg_latency_us": 1.2469,
    "max_latency_us": 1.9992,
    "total_bandwidth_gbps": 176720.0,
    "last_update": 1795408000.468,
}
ANSWERS = {
    (8100, "/health"): {
        "status": "healthy",
        "message": "Maximus Core Service is operational.",
        "timestamp": 1795408304.419,
        "components": {
            "maximus_ai": {"status": "healthy"},
            "decision_queue": {"status": "healthy", "pending_decisions": 0},
        },
    },
    (8100, "/query"): {
        "final_response": "Reasoned.",
        "confidence_score": 0.8,
        "processing_time_seconds": 1.205126,
        "timestamp": "2026-11-23T04:31:45.656771",
        "raw_reasoning_output": {"response": "Reasoned.", "tool_calls": []},
        "tool_execution_results": [],
        "reflection_notes": "No significant issues found.",
    },
    (8100, "/api/consciousness/state"): {
        "timestamp": "2026-11-23T04:31:46.558861",
        "esgt_active": True,
        "arousal_level": 0.6,
        "arousal_classification": "relaxed",
        "tig_metrics": TIG,
        "recent_events_count": 1,
        "system_health": "HEALTHY",
    },
    (8100, "/api/consciousness/arousal"): {
        "arousal": 0.6,
        "level": "relaxed",
        "baseline": 0.6,
        "need_contribution": 0.0,
        "temporal_contribution": 0.0,
        "timestamp": "2026-11-23T04:31:46.596034",
    },
    (8100, "/api/v1/governance/pending"): {
        "total_pending": 3,
        "by_risk_level": {"low": 1, "medium": 1, "high": 1, "critical": 0},
        "oldest_pending_seconds": None,
        "sla_violations": 0,
    },
    (8100, "/api/v1/governance/session/create"): {
        "session_id": "45d389c0",
        "operator_id": "op-1",
        "expires_at": "2026-11-23T12:31:45.730729",
        "message": "Session created successfully",
    },
    (8100, "/api/v1/governance/decision/dec-1/approve"): {
        "decision_id": "dec-1",
        "action": "approved",
        "status": "approved",
        "message": "Decision dec-1 approved and executed",
        "executed": False,
        "result": {},
        "error": "No executor registered for action type: block_ip",
    },
    (8154, "/health"): {
        "status": "healthy",
        "components": {"sophia_engine": "ok"},
        "virtues_status": {"sophia": "ok"},
        "sabbath_mode": False,
        "timestamp": "2026-11-23T04:31:47.909748+00:00",
    },
}
TRACE = {
    "connect": "connection.connect_tcp.started",
    "write": "http11.send_request_headers.started",
    "read": "http11.receive_response_headers.started",
}


class _Selector(selectors.DefaultSelector):
    """Never waits: what would be waited is added to the loop's time."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("nothing is left to happen: the test waits for ever")
        self.now += max(0.0, timeout)
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.virtual = _Selector()
        super().__init__(self.virtual)

    def time(self):
        return self.virtual.now


class Script(httpx.AsyncBaseTransport):
    """Plays one move for each request, then answers as a healthy service.

    A move is a status, a Response, an exception, or an async function of the request.
    """

    def __init__(self, moves):
        self.moves = list(moves)
        self.requests = []
        self.times = []
        self.closed = False

    async def handle_async_request(self, request):
        """Play the next move."""
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        move = self.moves.pop(0) if self.moves else 200
        if isinstance(move, Exception):
            raise move
        if isinstance(move, httpx.Response):
            return move
        if not isinstance(move, int):
            return await move(request)
        if move == 200:
            return httpx.Response(200, json=ANSWERS[request.url.port, request.url.path])
        return httpx.Response(move, json={"detail": f"scripted {move}"})

    async def aclose(self):
        """Note that the client closed it."""
        self.closed = True


class Stage:
    """Builds clients on scripts and runs scenes in virtual time."""

    answers = ANSWERS

    def __init__(self):
        self.loop = None
        self.script = None
        self.sleeps = []

    def now(self):
        """Virtual seconds."""
        return self.loop.time()

    async def sleep(self, seconds):
        """Sleep in virtual time, and note for how long."""
        self.sleeps.append(seconds)
        await asyncio.sleep(seconds)

    def client(self, *moves, **options):
        """Make a client whose transport plays these moves."""
        self.script = Script(moves)
        options = {"random": Random(7), "clock": self.now, "sleep": self.sleep} | options
        return MaximusClient(http_transport=self.script, **options)

    def run(self, scene):
        """Run an async function to its end; return what it returns."""
        with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
            self.loop = runner.get_loop()
            return runner.run(scene())

    def fail(self, call):
        """Run an operation that must fail with a MaximusError, and return that."""

        async def scene():
            return await self.failing(call)

        return self.run(scene)

    async def failing(self, call):
        """Await an operation that must fail, and return its error."""
        try:
            value = await call()
        except Exception as error:  # noqa: BLE001 - the tests look at its class
            return error
        raise AssertionError(f"should have failed, returned {value!r}")

    @staticmethod
    def hang(phase):
        """A move that gets as far as `phase`, and no further."""

        async def move(request):
            if phase in TRACE:
                await request.extensions["trace"](TRACE[phase], {})
            await asyncio.sleep(1e6)

        return move

    @staticmethod
    def later(seconds, status=200):
        """A move that answers after a time."""

        async def move(request):
            await request.extensions["trace"](TRACE["read"], {})
            await asyncio.sleep(seconds)
            if status != 200:
                return httpx.Response(status)
            return httpx.Response(200, json=ANSWERS[request.url.port, request.url.path])

        return move

    @staticmethod
    def body(content, status=200, content_type="application/json", **headers):
        """A response with this body."""
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        return httpx.Response(
            status,
            content=content,
            headers={"Content-Type": content_type}
            | {name.replace("_", "-"): value for name, value in headers.items()},
        )


@pytest.fixture
def stage():
    """An empty stage."""
    return Stage()
