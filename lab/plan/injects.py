"""An inject made concrete: its service, endpoint and numbers, or the reason why it has none.

Counterpart: `calls.py`, the operations that stand under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from pydantic import ValidationError

from ...faults import KINDS, AnyFault
from ...faults.actions import EndProcess
from ...faults.arming import conflict, on_process
from ...scenarios import InjectStep
from ...scenarios.errors import nearest
from .drafts import Notes, Standing
from .offered import Offered
from .terms import LeftOpenError, Terms


def standing(step: InjectStep, key: str, offered: Offered, terms: Terms, notes: Notes) -> Standing:
    """The inject as it stands from here on; what is wrong with it is noted as well."""

    def wrong(name: str, text: str) -> Standing:
        notes.refuse(step.line, f"{key}.{name}", text)
        return Standing(step, None, text)

    service, endpoint = step.service, step.endpoint
    known = offered.services
    if service is not None and service not in known:
        close = nearest(service, known)
        hint = f"nearest: {close}" if close else "known: " + ", ".join(known)
        return wrong("service", f"{offered.subject} has no service `{service}`; {hint}")
    if endpoint is not None and " " not in endpoint:
        offer = offered.named(endpoint)
        if offer is None:
            return Standing(step, None, offered.lacks(endpoint), service)
        if service is not None and service != offer.service:
            text = f"`{endpoint}` is an operation of {offer.service}, not of {service}"
            return wrong("endpoint", text)
        service, endpoint = offer.service, offer.endpoint
    if service is None:
        service = offered.home(endpoint)
    if service is None:
        reason = f"{offered.subject} has no `read` whose service it could be"
        return Standing(step, None, reason)
    if service in offered.foreign and "process" in KINDS[step.kind].reaches:
        reason = (
            f"`{step.kind}` is for a stub: the lab did not start {service}'s server, "
            f"{offered.foreign[service]}"
        )
        return Standing(step, None, reason, service)
    if endpoint is not None and not offered.serves(service, endpoint):
        served = ", ".join(offered.endpoints(service))
        return wrong(
            "endpoint", f"no operation of {service} calls `{endpoint}`; they call {served}"
        )
    try:
        return Standing(step, _fault(step, service, endpoint, terms), service=service)
    except LeftOpenError as error:
        return Standing(step, None, str(error), service)
    except ValidationError as error:
        return wrong("inject", error.errors()[0]["msg"].removeprefix("Value error, "))


def refuse_conflicts(new: Standing, others: Sequence[Standing], key: str, notes: Notes) -> None:
    """Refuse a fault that one before it can't go with; where time decides, the run refuses it."""
    if new.fault is None:
        return
    faults = [one.fault for one in others if one.fault is not None]
    met = [one for one in faults if one.service == new.fault.service]
    reason = conflict([one for one in met if _surely_meets(one, new.fault)], new.fault)
    if reason is not None:
        notes.refuse(new.step.line, f"{key}.inject", reason)


def _surely_meets(old: AnyFault, new: AnyFault) -> bool:
    """Whether both are in force together, however long what stands between their steps takes."""
    act = on_process(old)
    if old.lasts is not None or (isinstance(act, EndProcess) and act.restart is not None):
        return False
    begins = old.comes(0.0)
    return not begins or new.span(0.0)[1] == inf


def _fault(step: InjectStep, service: str, endpoint: str | None, terms: Terms) -> AnyFault:
    """Its fault, with the numbers for who meets what it shows."""
    sketch = step.fault(service, endpoint, lambda quantity: quantity.amount)
    observable = terms.counted(sketch.observable())
    return step.fault(service, endpoint, lambda one: terms.number(one, observable))
