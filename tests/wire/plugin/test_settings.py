"""What a session is told by options, marks and its ini file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Stranger

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.wire


def test_a_limit_that_is_none_is_refused(stranger: Stranger) -> None:
    """Bad input gets one clear message."""
    result = stranger.run("--faultlab-limit", "0")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*argument --faultlab-limit: '0'; expected seconds, over 0"])


def test_options_and_ini_values_that_mean_nothing_are_told_before_any_test(
    stranger: Stranger,
) -> None:
    """All of them at once, each with its place; `--help` still helps."""
    stranger.writes("def test_nothing(): raise AssertionError")
    stranger.ini(
        faultlab_tune="fats",
        faultlab_seed="x",
        faultlab_contract="c.yaml",
        faultlab_services="pay = pay.yaml",
    )
    result = stranger.run_here("--faultlab-env", "dock")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in result.errlines if "faultlab" in line]
    assert lines[0] == (
        "ERROR: --faultlab-env: 'dock'; expected embedded or docker or simulated; nearest: docker"
    )
    assert lines[1:3] == [
        "tox.ini: faultlab_tune: 'fats'; expected fast or none; nearest: fast",
        "tox.ini: faultlab_seed: 'x'; expected a whole number, 0 or more",
    ]
    assert lines[3] == f"tox.ini: faultlab_contract: contract {stranger.path}/c.yaml:"
    assert lines[4].startswith("tox.ini: faultlab_services: `pay = pay.yaml`: ")
    helped = stranger.run_here("--markers")
    assert helped.ret == pytest.ExitCode.OK
    helped.stdout.fnmatch_lines(["@pytest.mark.faultlab(env, proxy, tune, seed, contract): *"])


MARKED = """
import pytest

@pytest.mark.faultlab(sead=7)
def test_key(lab): pass

@pytest.mark.faultlab(contract="htpx")
def test_value(lab): pass
"""
MARKED_CLASS = """
import pytest

@pytest.mark.faultlab("fast", tune="quick")
class TestClass:
    def test_one(self, lab): pass
    def test_other(self, lab): pass
"""


@pytest.mark.parametrize("options", [(), pytest.param(("-n", "1"), marks=pytest.mark.slow)])
def test_a_mark_that_means_nothing_is_told_where_it_stands(
    stranger: Stranger, options: tuple[str, ...]
) -> None:
    """As pytest does with marks of its own: an error of the collection, and nothing is run."""
    stranger.writes(test_orders=MARKED)
    result = (stranger.run if options else stranger.run_here)(*options, "-p", "no:randomly")
    assert [line for line in result.outlines if line.startswith("test_orders.py:")] == [
        "test_orders.py:3: @pytest.mark.faultlab: sead: no such key; nearest: seed",
        (
            "test_orders.py:6: @pytest.mark.faultlab: contract: 'htpx' is no contract; expected httpx, "
            "maximus, a file like contract.yaml, or a mapping; nearest: httpx"
        ),
    ]
    result.assert_outcomes(errors=1)


def test_a_mark_of_a_class_is_told_once(stranger: Stranger) -> None:
    """Not with each of its tests."""
    stranger.writes(test_orders=MARKED_CLASS)
    result = stranger.run_here()
    assert [line for line in result.outlines if line.startswith("test_orders.py:")] == [
        (
            "test_orders.py::TestClass: @pytest.mark.faultlab: 'fast': no such key; known: env, proxy, tune, "
            "seed, contract"
        ),
        "test_orders.py::TestClass: @pytest.mark.faultlab: tune: 'quick'; expected fast or none",
    ]


def test_the_command_line_wins_over_marks_and_they_over_the_ini_file(stranger: Stranger) -> None:
    """The closest mark first; and who serves stands in the ini file, unless the test says it."""
    stranger.ini(
        faultlab_tune="none",
        faultlab_contract="maximus",
        faultlab_services='orders = {"GET /orders/{id}": {id: 7}}',
    )
    stranger.writes(
        """
        import httpx
        import pytest

        pytestmark = pytest.mark.faultlab(seed=2, contract="httpx")

        def test_module(lab):
            assert (lab.seed, lab.tune, lab.env) == (9, None, "embedded")
            assert httpx.get(lab.url("orders") + "/orders/7").json() == {"id": 7}
            with lab.operation("get"):
                httpx.get(lab.url("orders") + "/orders/7")
            with lab.down("orders"), pytest.raises(httpx.ConnectError), lab.operation("get"):
                httpx.get(lab.url("orders") + "/orders/7")
            checks = {one.check: one.outcome for one in lab.judge().findings}
            assert (checks["C01"], checks["C20"]) == ("pass", "not_promised")

        @pytest.mark.faultlab(tune="fast")
        def test_closest(lab):
            assert lab.tune.read == 0.7
            lab.serve("orders", {"GET /": {}})
            assert httpx.get(lab.url("orders") + "/").json() == {}
            assert (lab.history.header.seed, lab.history.header.tune) == (9, "fast")
        """
    )
    stranger.run_here("--faultlab-seed", "9").assert_outcomes(passed=2)
