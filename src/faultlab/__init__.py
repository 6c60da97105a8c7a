"""faultlab answers one question with evidence: does this client survive its backends failing?

This is the public face; the rooms behind it are `faultlab.lab`, `faultlab.faults`,
`faultlab.scenarios` and `faultlab.fixtures`.
"""

from .lab.subjects.declaration import op, subject

__version__ = "0.1.0"

__all__ = ["__version__", "op", "subject"]
