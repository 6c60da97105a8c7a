"""The lab: plays scenarios against a subject, records what the wire shows, judges the record.

Counterpart: `maximus`, the reference client, which only `lab.subjects` and `lab.cli` may name.
The arrows between its modules are drawn in ARCHITECTURE.md and held by tests/test_architecture.py.
"""
