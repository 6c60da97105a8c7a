"""Each source file with code in it has its twin among the tests.

`lab/proxy/link.py` <-> `tests/lab/proxy/test_link.py`; a package's own code (`lab/checks/__init__.py`)
<-> `tests/lab/checks/test_checks.py`.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("lab", "faults", "scenarios", "fixtures", "maximus")

# source file -> why it has no twin of its own
WITHOUT_TWIN: dict[str, str] = {
    "lab/apart.py": "is a process: tests/wire/test_processes.py, test_shared.py",
    "lab/backends/backend.py": "a protocol: stub.py, shared.py and apart.py are it",
    "lab/behind/connection.py": "needs a real Toxiproxy: tests/wire/behind/test_through.py",
    "lab/behind/control.py": "needs real sockets: tests/wire/behind/test_control.py",
    "lab/behind/diag.py": "needs real sockets: tests/wire/behind/test_through.py",
    "lab/behind/front.py": "needs a real Toxiproxy: tests/wire/behind/test_through.py",
    "lab/behind/listener.py": "needs a real Toxiproxy: tests/wire/behind/test_through.py",
    "lab/behind/net.py": "needs a real Toxiproxy: tests/wire/behind/test_through.py",
    "lab/environments/docker/answering.py": "needs a server: tests/docker/test_servers.py",
    "lab/environments/docker/building.py": "needs an engine: tests/docker/test_building.py",
    "lab/behind/started.py": "needs a real Toxiproxy: tests/wire/behind/test_started.py",
    "lab/contained.py": "is a container's process: tests/docker/test_lab.py",
    "lab/environments/docker/cleaner.py": "is a process: tests/docker/test_lab.py",
    "lab/environments/docker/containers.py": "needs an engine: tests/docker/test_lab.py",
    "lab/environments/docker/lab.py": "needs an engine: tests/docker/test_lab.py",
    "lab/environments/embedded.py": "is the lab process: tests/wire/test_host.py",
    "lab/environments/host.py": "a protocol: embedded.py is it",
    "lab/environments/hosted.py": "needs the lab process: tests/wire/test_host.py",
    "lab/foreground.py": "needs a process: tests/wire/test_stubs.py",
    "lab/host.py": "is that process: tests/wire/test_host.py",
    "lab/keeper.py": "is a process: tests/wire/test_started.py",
    "lab/proxy/process.py": "a protocol: lab/backends/apart.py is it",
    "lab/pytest_simulated.py": "needs a session: tests/wire/plugin/test_simulated.py",
    "lab/testing/ground.py": "needs an environment: tests/wire/fixture, tests/wire/plugin",
    "lab/testing/simulated.py": "needs a session: tests/wire/plugin/test_simulated.py",
    "lab/sockets/connection.py": "needs real sockets: tests/wire/test_sockets.py",
    "lab/sockets/dial.py": "needs real sockets: tests/wire/test_sockets.py",
    "lab/sockets/listener.py": "needs real sockets: tests/wire/test_sockets.py",
    "lab/sockets/net.py": "needs real sockets: tests/wire/test_sockets.py",
    "lab/sockets/owner.py": "a protocol: net.py is it",
    "lab/sockets/ttl.py": "needs real sockets: tests/wire/test_partition.py",
    "lab/subjects/child.py": "needs a process: tests/wire/subject/test_process.py",
    "lab/subjects/inside.py": "is that process",
    "lab/subjects/line.py": "of that process, which it ends",
    "lab/counting.py": "needs an interface: tests/wire/test_packets.py",
    "lab/subjects/packets.py": "needs an interface: tests/wire/test_packets.py",
    "lab/subjects/spawner.py": "is a process: tests/wire/test_commands.py",
    "lab/subjects/spawning.py": "needs that process: tests/wire/test_commands.py",
    "lab/simulation/client.py": "driven by a play: tests/lab/simulation/test_inside.py",
    "lab/virtual/connection.py": "on the simulated network: tests/wire/test_sockets.py",
    "lab/virtual/dial.py": "on the simulated network: tests/wire/test_sockets.py",
    "lab/virtual/listener.py": "on the simulated network: tests/wire/test_sockets.py",
    "lab/virtual/owner.py": "a protocol: net.py is it",
    "lab/toxiproxy/alone.py": "is a process: tests/wire/toxiproxy/test_alone.py",
    "lab/toxiproxy/server.py": "needs real sockets: tests/wire/toxiproxy/test_control.py",
}


def has_code(source: str) -> bool:
    """Whether a file holds more than docstrings, imports and `__all__`."""
    return any(not _is_frame(node) for node in ast.parse(source).body)


def _is_frame(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=test):
            return "TYPE_CHECKING" in ast.unparse(test)
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case _:
            return False


def twin_of(source: Path) -> Path:
    """Where the tests of a source file stand; both relative to the root."""
    name = source.parent.name if source.name == "__init__.py" else source.stem
    return Path("tests") / source.parent / f"test_{name}.py"


def untwinned() -> list[str]:
    """Source files with code but without a twin."""
    files = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return [
        str(path.relative_to(ROOT))
        for path in files
        if has_code(path.read_text("utf-8"))
        and not (ROOT / twin_of(path.relative_to(ROOT))).exists()
    ]


def test_each_source_file_has_its_twin() -> None:
    """A reader of a file must find what is claimed of it without a search."""
    missing = [path for path in untwinned() if path not in WITHOUT_TWIN]
    assert [f"{path}: no {twin_of(Path(path))}" for path in missing] == []


def test_no_exception_outlives_its_reason() -> None:
    """An exception that is needed no more would excuse the next file of that name."""
    assert sorted(WITHOUT_TWIN.keys() - set(untwinned())) == []


def test_twins_are_named_as_promised() -> None:
    """The rule in three examples."""
    assert twin_of(Path("lab/verdict.py")) == Path("tests/lab/test_verdict.py")
    assert twin_of(Path("lab/proxy/link.py")) == Path("tests/lab/proxy/test_link.py")
    assert twin_of(Path("lab/checks/__init__.py")) == Path("tests/lab/checks/test_checks.py")


def test_a_file_of_imports_needs_no_twin() -> None:
    """Faces of packages say nothing that could be wrong alone."""
    assert not has_code('"""A face."""\n\nfrom .link import Link\n\n__all__ = ["Link"]\n')
    assert has_code("from .link import Link\n\nLIMIT = 3\n")
