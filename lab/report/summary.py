"""What follows the table of a run: the blocks, the checks that were idle, the verdict.

Counterparts: lab/report/blocks.py and lab/report/terminal.py make the parts; `faultlab run` and
`faultlab judge` print the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from ..results import Result
from .blocks import blocks, failures, reason
from .seen import seen
from .terminal import checks_line, last_line

__all__ = ["summary"]


def summary(
    results: Sequence[Result],
    *,
    folder: str,
    seconds: float | None,
    whole: int | None = None,
    not_offered: int = 0,
) -> Iterator[str]:
    """The lines below the table; the last one is the verdict.

    `whole`: failures that are shown whole, None: all; `folder` is where the others can be seen.
    """
    left = whole
    alike: dict[str, list[str]] = {}  # why nothing could be judged -> the scenarios
    for result in results:
        why = reason(result)
        if why is not None:
            alike.setdefault(why, []).append(result.name)
    for result in results:
        why = reason(result)
        same = [result.name] if why is None else alike[why]
        if same[0] != result.name:
            continue
        for block in blocks(result, whole=left, also=same[1:]):
            yield ""
            yield from block
        if left is not None:
            left = max(0, left - len(failures(result)))
    hidden = 0 if whole is None else sum(len(failures(result)) for result in results) - whole
    if hidden > 0:
        yield ""
        yield f"{hidden} more: {shlex.join(['faultlab', 'judge', folder])}"
    told = tuple(seen(results))
    if told:
        yield ""
        yield from told
    yield ""
    yield from checks_line(results)
    verdicts = [result.verdict for result in results]
    yield last_line(verdicts, seconds, not_offered=not_offered)
