"""The forms of a report in a file: JSON, JUnit XML and Markdown, by the names that `--report` takes.

Counterparts: lab/report/document.py is what all of them say, lab/outputs.py writes the bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from .document import Document
from .junit import junit
from .markdown import markdown

__all__ = ["FORMS", "as_json"]


def as_json(document: Document) -> bytes:
    """The whole document; its form is that of the dataclasses in lab/report/document.py."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


FORMS: dict[str, Callable[[Document], bytes]] = {
    "json": as_json,
    "junit": junit,
    "markdown": markdown,
}
