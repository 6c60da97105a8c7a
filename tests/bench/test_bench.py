"""What `make bench` needs of the machine, and what it says where that is missing."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The ways, in a checkout that has built nothing yet."""
    spec = importlib.util.spec_from_file_location("ways", HERE / "ways.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv("FAULTLAB_TOXIPROXY", raising=False)
    monkeypatch.setattr(module, "BUILT", tmp_path / ".bench" / "toxiproxy")
    return module


def test_the_machine_s_own_toxiproxy_is_taken_before_one_is_built(
    ways: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has one has no need of a compiler."""
    own = tmp_path / "own"
    own.write_text("#!/bin/sh\necho toxiproxy-server version 2.12.0\n")
    own.chmod(0o755)
    monkeypatch.setenv("FAULTLAB_TOXIPROXY", str(own))
    assert ways.toxiproxy() == [str(own)]


def test_a_machine_without_go_is_told_in_two_words(
    ways: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bench goes on without the real Toxiproxy and says why its rows are missing."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ways.NotMeasuredError, match=r"^no go$"):
        ways.toxiproxy()


def test_a_module_that_cannot_be_had_is_told_with_gos_own_last_line(
    ways: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline, the reason is the one that helps."""
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho first >&2\necho no such host >&2\nexit 1\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(ways.NotMeasuredError, match=r"^go install: no such host$"):
        ways.toxiproxy()


def test_a_binary_that_does_not_run_here_is_not_measured(
    ways: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build for another machine ends the bench no more than a missing one."""
    ways.BUILT.mkdir(parents=True)
    (ways.BUILT / "server").write_text("for another machine")
    (ways.BUILT / "server").chmod(0o755)
    with pytest.raises(ways.NotMeasuredError, match=r"^server -version: "):
        ways.toxiproxy()
