"""A proxy that speaks Toxiproxy: its control API over stream proxies with chains of toxics.

    server -> api -> proxy -> link -> chain -> toxics

`toxics`, `chain`, `address` and `decode` are pure; `link` and `proxy` move bytes through the net port;
`alone` runs it in the foreground. Counterpart: lab/proxy is the lab's own, HTTP-aware proxy.
"""

from __future__ import annotations
