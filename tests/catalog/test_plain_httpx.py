"""The catalog on the README's own client: plain httpx under its built-in contract."""

from collections.abc import Callable, Mapping

import pytest

from faultlab.lab.results import Result
from faultlab.scenarios import catalog

pytestmark = [pytest.mark.story, pytest.mark.wire, pytest.mark.timeout(300)]


def test_the_readme_s_client_passes_the_catalog(
    on_httpx: Mapping[str, Result], against: Callable[[Result], list[str]]
) -> None:
    """A stranger's first run must not be red for what httpx does by its nature."""
    told = {story: against(result) for story, result in on_httpx.items()}
    assert {story: lines for story, lines in told.items() if lines} == {}
    assert {story: result.verdict for story, result in on_httpx.items()} == dict.fromkeys(
        catalog(), "pass"
    )
