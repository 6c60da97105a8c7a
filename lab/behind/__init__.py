"""BehindNet: the network port whose listeners stand behind a real Toxiproxy (counterpart: lab/net.py).

Clients dial Toxiproxy, and Toxiproxy passes each on to a port of ours: the gate, which is the same
code as without it. Knows no HTTP; of faults only which of them Toxiproxy does itself.
"""

from __future__ import annotations

from .control import Control
from .front import Front
from .net import BehindNet
from .started import Toxiproxy

__all__ = ["BehindNet", "Control", "Front", "Toxiproxy"]
