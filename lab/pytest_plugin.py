"""The pytest plugin: the fixture `lab`.

Counterpart: `lab.cli`, the other way in.
"""
