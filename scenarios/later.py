"""The words of a scenario file that a later version brings: refused by name until then.

Counterparts: loader.py and inject.py ask. Whoever brings a word takes it out here.
"""

from __future__ import annotations

LATER_SERVICE_KEYS = frozenset({"routes"})
LATER_PLUS_KEYS = frozenset({"every"})
LATER_KINDS = frozenset({"unresolved"})
LATER = "comes with a later version"
