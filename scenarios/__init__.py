"""The scenario file: its model, its loader, and the catalog of stories (`*.yaml`).

Counterpart: `lab.plan`, which makes a scenario concrete with a contract and a seed.
Loading a file runs no code and never looks beyond it.
"""
