"""The reference client of the MAXIMUS services: an async httpx SDK in resource style.

It knows nothing of the lab: no module here imports another room.
"""

from .client import MaximusClient
from .errors import (
    MaximusAPIError,
    MaximusCircuitOpenError,
    MaximusConnectionError,
    MaximusDeadlineError,
    MaximusError,
    MaximusResponseError,
    MaximusTimeoutError,
)
from .models import (
    Approval,
    ArousalLevel,
    Component,
    ConsciousnessState,
    CoreComponents,
    CoreHealth,
    PendingStatistics,
    PenelopeHealth,
    QueryResponse,
    Session,
    TigMetrics,
)
from .policy import BreakerPolicy, Policy, Timeouts

__all__ = [
    "Approval",
    "ArousalLevel",
    "BreakerPolicy",
    "Component",
    "ConsciousnessState",
    "CoreComponents",
    "CoreHealth",
    "MaximusAPIError",
    "MaximusCircuitOpenError",
    "MaximusClient",
    "MaximusConnectionError",
    "MaximusDeadlineError",
    "MaximusError",
    "MaximusResponseError",
    "MaximusTimeoutError",
    "PendingStatistics",
    "PenelopeHealth",
    "Policy",
    "QueryResponse",
    "Session",
    "TigMetrics",
    "Timeouts",
]
