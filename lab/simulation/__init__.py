"""Plays and tests in virtual time: services and client on one loop of `environments/simulated`.

`environment.py` is the environment, in a loop that runs; `stage.py`, `client.py` and `clock.py` are what
a play drives from outside, in the process of `inside.py`, which `simulator.py` starts.
"""
