"""The scenario file: its model, its loader, and the catalog of stories (`*.yaml`).

Counterpart: `lab.plan`, which makes a scenario concrete with a contract and a seed.
Loading a file runs no code and never looks beyond it.
"""

from __future__ import annotations

from .dump import dump
from .errors import Problem, ScenarioError
from .loader import load, parse
from .model import (
    FIELDS,
    ROLES,
    ClearStep,
    ClockStep,
    ConnectionsStep,
    Incident,
    InjectStep,
    OperationStep,
    PhaseName,
    Quantity,
    Scenario,
    Served,
    Step,
    SubjectStep,
    WaitStep,
)
from .stories import CATALOG, catalog, chosen, find

__all__ = [
    "CATALOG",
    "FIELDS",
    "ROLES",
    "ClearStep",
    "ClockStep",
    "ConnectionsStep",
    "Incident",
    "InjectStep",
    "OperationStep",
    "PhaseName",
    "Problem",
    "Quantity",
    "Scenario",
    "ScenarioError",
    "Served",
    "Step",
    "SubjectStep",
    "WaitStep",
    "catalog",
    "chosen",
    "dump",
    "find",
    "load",
    "parse",
]
