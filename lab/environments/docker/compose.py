"""What the Compose file says of images: the names that hold unless a variable names others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

__all__ = ["compose_file", "image_of"]

_NAME = "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):-(?P<otherwise>[^}]*)\}")


def compose_file() -> Path:
    """Where it lies: beside this file once installed, at the top in a checkout."""
    here = Path(__file__)
    installed = here.with_name(_NAME)
    return installed if installed.exists() else here.resolve().parents[3] / _NAME


def image_of(service: str, text: str, environ: Mapping[str, str]) -> str:
    """The image of a service, the variable in its name replaced as Compose does."""
    written: str = YAML(typ="safe").load(text)["services"][service]["image"]
    return _VARIABLE.sub(lambda found: environ.get(found["name"]) or found["otherwise"], written)
