"""What serves a service: stubs with routes, journal and ledger, or a server that already runs.

`specification.py` says who serves, `routes.py` and `maximus.py` what is answered, `stub.py` does
it on the `net` port, `apart.py` has a process of its own do it. Counterpart: `lab/proxy`, which stands before them. Knows no fault.
"""
