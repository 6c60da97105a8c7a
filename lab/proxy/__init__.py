"""The embedded fault proxy: one listener before one service.

    client -- Link -- [ Gate: framer, decisions ] -- backend

`proxy.py` holds what is in force, `link.py` one connection's bytes, `gate.py` its requests and
`answers.py` the way back. What a fault does is decided in `faults/decide.py`; here it is carried
out.
"""
