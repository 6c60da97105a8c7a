"""The stubs of MAXIMUS, shaped as the services really serve them.

`services.py` says what there is; `core.py`, `governance.py`, `adw.py`, `penelope.py` and
`health.py` answer; `presets.py` and `paces.py` say what a stub has of the field's bad days.
Counterpart: `maximus/models.py`, which reads these answers and shares no code with them.
"""

from .paces import PACES
from .presets import PRESETS, Preset, presets_of
from .services import BUILTIN, PORTS, maximus_routes
from .shape import EPOCH, Clock

__all__ = [
    "BUILTIN",
    "EPOCH",
    "PACES",
    "PORTS",
    "PRESETS",
    "Clock",
    "Preset",
    "maximus_routes",
    "presets_of",
]
