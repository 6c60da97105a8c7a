"""The catalog on the README's own client: plain httpx under its built-in contract."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from faultlab.lab.checks import ALL
from faultlab.lab.plan import Plan
from faultlab.lab.results import judged
from faultlab.lab.run import Session
from faultlab.scenarios import catalog

pytestmark = pytest.mark.wire

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"```python\n((?:(?!```).)*@subject\((?:(?!```).)*)```", re.DOTALL)


def test_the_readme_s_client_passes_the_catalog(tmp_path: Path) -> None:
    """A stranger's first run must not be red for what httpx does by its nature."""
    block = BLOCK.search(README.read_text("utf-8"))
    assert block is not None
    file = tmp_path / "orders_lab.py"
    file.write_text(block[1], "utf-8")
    slugs, promises = {one.slug: one.id for one in ALL}, {one.id: one.promise for one in ALL}
    verdicts = {}
    with Session(
        f"{file}:orders", environment="embedded", tune=None, seed=7, out=tmp_path / "run"
    ) as session:
        plans = [session.plan(story, slugs, promises) for story in catalog().values()]
        session.play(
            [plan for plan in plans if isinstance(plan, Plan)],
            ended=lambda result: verdicts.update({result.name: judged(result).verdict}),
            jobs=len(plans),
        )
    assert verdicts == dict.fromkeys(catalog(), "pass")
