"""Subjects: the clients under test behind their adapters, and what their own process records.

`declaration.py` is what an author writes; `child.py` runs a subject in a process of its own,
`recording.py` serves a test that is its own subject. Nothing here judges.
"""
