"""MAXIMUS itself in the place of its stubs: images that variables name, for the environment `docker`.

    MAXIMUS_CORE_IMAGE=registry/core:2.1        or with the port in its container, ...core:2.1@9000

One for each of the eight. The same stories play on it: a subject's plain stub of that name is served by
the image, one with a preset or a pace of its own stays a stub, and what the command line says wins.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..backends.maximus import BUILTIN, PORTS
from ..backends.servers import IMAGE
from ..backends.specification import Builtin, Image, Specification, parse
from ..errors import UsageError

__all__ = ["deployed", "variable"]

_READY = "/health"


def variable(service: str) -> str:
    """The variable that names a service's image."""
    return f"MAXIMUS_{service.upper()}_IMAGE"


def deployed(
    environment: str,
    services: Mapping[str, Specification | None],
    environ: Mapping[str, str],
) -> dict[str, Image]:
    """Those of the services that are served by an image instead of a stub. None: nobody says who serves.

    Nothing is outside of `docker`. Raises UsageError for a variable that names none.
    """
    if environment != "docker":
        return {}
    images = {name: _image(name, environ) for name in BUILTIN if environ.get(variable(name))}
    found: dict[str, Image] = {}
    for service, who in services.items():
        name = service if who is None else who.name if isinstance(who, Builtin) else ""
        if name in images and who in (None, Builtin(name)):
            found[service] = images[name]
    return found


def _image(service: str, environ: Mapping[str, str]) -> Image:
    text = environ[variable(service)]
    named = text if text.rpartition("@")[2].isdigit() else f"{text}@{PORTS[service]}"
    try:
        image = parse(f"{IMAGE}{named}")
    except ValueError as error:
        raise UsageError(f"{variable(service)}: {error}") from error
    assert isinstance(image, Image)
    return msgspec.structs.replace(image, ready=_READY)
