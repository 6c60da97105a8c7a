"""What a file says of who serves: `services`, each with its words.

Counterpart: `loader.py` reads the rest; the lab knows which stubs, presets and paces there are.
"""

from __future__ import annotations

from .inject import NAME
from .later import LATER_SERVICE_KEYS
from .model import Served
from .nodes import Entry, Mapping, Node
from .shapes import Shapes, either, join, shape

__all__ = ["SERVICE_KEYS", "read_services"]

SERVICE_KEYS = ("stub", "openapi", "url", "preset", "pace", "honours_idempotency_key")
_YES_NO = ("true", "false")


def read_services(shapes: Shapes, node: Node, key: str) -> tuple[Served, ...] | None:
    """Each service once, with its words; every problem is noted."""
    if not isinstance(node, Mapping) or not node.entries:
        what = "an empty mapping" if isinstance(node, Mapping) else shape(node)
        shapes.refuse(node.line, key, f"{what}; expected services by name, e.g. `core: ...`")
        return None
    read = [_service(shapes, entry, key) for entry in node.entries]
    return tuple(served for served in read if served is not None)


def _service(shapes: Shapes, entry: Entry, key: str) -> Served | None:
    at = join(key, entry.key)
    if not NAME.fullmatch(entry.key):
        shapes.refuse(entry.line, at, "no name of a service")
        return None
    expected = either(SERVICE_KEYS, "key")
    if isinstance(entry.value, Mapping) and not entry.value.entries:
        shapes.refuse(entry.line, at, f"an empty mapping; expected {expected}")
        return None
    words = shapes.mapping(entry.value, at, SERVICE_KEYS, LATER_SERVICE_KEYS)
    if words is None:
        return None
    stub = shapes.optional(words, "stub", shapes.line_of_text, join(at, "stub"))
    openapi = shapes.optional(words, "openapi", shapes.line_of_text, join(at, "openapi"))
    url = shapes.optional(words, "url", shapes.line_of_text, join(at, "url"))
    pace = shapes.optional(words, "pace", shapes.line_of_text, join(at, "pace"))
    preset = None
    if "preset" in words:
        preset = shapes.each(words["preset"].value, join(at, "preset"), shapes.line_of_text)
    honours = None
    if "honours_idempotency_key" in words:
        value = words["honours_idempotency_key"].value
        honours = shapes.choice(value, join(at, "honours_idempotency_key"), _YES_NO)
    return Served(
        entry.key,
        entry.line,
        stub=stub,
        openapi=openapi,
        url=url,
        preset=() if preset is None else preset,
        pace=pace,
        honours_idempotency_key=None if honours is None else honours == "true",
    )
