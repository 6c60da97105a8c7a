"""A contract's numbers, as a plan needs them: quantities, breakers, what it leaves open.

Counterpart: `lab/contract`, whose fields are resolved here. Knows no step and no subject.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...scenarios import Quantity
from ..contract import Contract, lookup, resolve

RESET = "breaker.reset_timeout"


class LeftOpenError(Exception):
    """A step needs what the contract or the subject leaves open; the text is the reason."""


class Terms:
    """One (tuned) contract."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    @property
    def has_breaker(self) -> bool:
        """Whether one is promised."""
        return bool(self.contract.breaker)

    def number(self, quantity: Quantity, observable: str | None) -> float:
        """A quantity for who meets this observable. Raises LeftOpenError."""
        if quantity.field is None:
            return quantity.amount
        value = resolve(self.contract, quantity.field, observable)
        if value is None:
            raise LeftOpenError(f"the contract leaves {quantity.field} open")
        return quantity.amount * value

    def counted(self, observables: Sequence[str]) -> str | None:
        """The first observable that a breaker counts."""
        for observable in observables:
            for breaker in self.contract.breaker or ():
                if lookup(breaker.votes, observable) == "counts":
                    return observable
        return None

    def opens_after(self, observables: Sequence[str]) -> float | None:
        """How many failures open the breaker that counts one of these; None: the contract is open."""
        return resolve(self.contract, "breaker.fail_max", self.counted(observables))

    def reset_time(self, shown: Sequence[str]) -> float:
        """The longest reset time of the breakers that count what the faults showed; 0: none.

        Raises LeftOpenError.
        """
        counted = [one for one in shown if self.counted([one]) is not None]
        times = (resolve(self.contract, RESET, one) for one in counted)
        known = [time for time in times if time is not None]
        return max(known) if known else self.number(Quantity(1, RESET), None)
