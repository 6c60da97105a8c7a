"""VirtualNet: the network port on a simulated network (counterpart: lab/net.py; twin: lab/sockets).

Proxy, gate and stubs run on it unchanged, in virtual time. Knows no HTTP, no fault and no asyncio.
"""

from __future__ import annotations

from .net import VirtualNet

__all__ = ["VirtualNet"]
