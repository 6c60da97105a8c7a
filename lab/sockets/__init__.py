"""RealNet: the network port on loopback sockets of an asyncio loop (counterpart: lab/net.py).

No asyncio transports: sockets are non-blocking, read and written on readiness, so that every call
is complete on return and each FIN and RST is one that was meant. Knows no HTTP and no fault.
"""

from __future__ import annotations

from .net import RealNet

__all__ = ["RealNet"]
