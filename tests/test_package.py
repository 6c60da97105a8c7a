"""What users install: sdist and wheel hold all that they should, and work in a stranger's repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .documents import GUIDE, README, ROOT, shown_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROOMS = ("lab", "faults", "scenarios", "fixtures")
LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache"}


def files_of(folder: str) -> Iterator[str]:
    """The files of a room in the checkout, relative to the room."""
    for path in (ROOT / folder).rglob("*"):
        if path.is_file() and not LEFT_OUT & set(path.parts):
            yield path.relative_to(ROOT / folder).as_posix()


def run(
    *command: str | Path, cwd: Path, env: dict[str, str] | None = None, ok: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command; its output is the message if it ends otherwise than expected."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == ok, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def outside_env() -> dict[str, str]:
    """An environment that says nothing of this checkout or of the pytest that runs here."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {
        key: value
        for key, value in os.environ.items()
        if key not in hidden and not key.startswith(("PYTEST_", "COV_"))
    }


def wheel_names(wheel: Path) -> set[str]:
    """The files in a wheel without its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from this checkout."""
    out = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "-n", "--sdist", "-o", out, ROOT, cwd=out)
    (built,) = out.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "-n", "--wheel", "-o", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel_from_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the unpacked source distribution."""
    out = tmp_path_factory.mktemp("wheel-from-sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(out, filter="data")
    (unpacked,) = (path for path in out.iterdir() if path.is_dir())
    run(sys.executable, "-m", "build", "-n", "--wheel", "-o", out, unpacked, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel_from_sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of a clean environment with the wheel and the locked dependencies, no checkout."""
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    site = Path(
        run(
            python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home
        ).stdout.strip()
    )
    here = Path(sysconfig.get_path("purelib"))
    for entry in here.iterdir():
        # Links, one by one: a .pth to the whole folder would bring the editable install along.
        if entry.suffix != ".pth" and "faultlab" not in entry.name:
            (site / entry.name).symlink_to(entry)
    run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps"),
        *("--no-index", "--disable-pip-version-check", wheel_from_sdist),
        cwd=home,
    )
    return python


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A repository whose own packages are called as our rooms are."""
    for name in ("lab", "scenarios", "fixtures"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f'OWNER = "stranger {name}"\n')
    (tmp_path / "test_stranger.py").write_text(STRANGERS_TEST)
    (tmp_path / "test_orders.py").write_text(shown_file(README, "test_orders.py"))
    (tmp_path / "orders_lab.py").write_text(shown_file(README, "orders_lab.py"))
    (tmp_path / "gone.yaml").write_text(
        "scenario: Gone\nfault: [inject: refused, read: connection]\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nfaultlab_contract = httpx\n")
    return tmp_path


STRANGERS_TEST = """\
import httpx
import pytest

import lab as own_lab
import scenarios as own_scenarios
from maximus import MaximusConnectionError


def test_my_own_client(lab):
    assert (own_lab.OWNER, own_scenarios.OWNER) == ("stranger lab", "stranger scenarios")
    with httpx.Client(base_url=lab.url("core")) as client:
        with lab.operation("health"):
            client.get("/health")
        with lab.down("core"), pytest.raises(httpx.ConnectError), lab.operation("health"):
            client.get("/health")
    assert lab.attempts(operation="health") == 2
    assert lab.judge() == "pass"


def test_a_scenario(lab):
    assert lab.run("gone.yaml", "orders_lab.py:plain") == "pass"


@pytest.mark.asyncio
async def test_core_down(lab):
    async with lab.client() as client:
        with lab.down("core"):
            with pytest.raises(MaximusConnectionError):
                await client.health()
        assert lab.attempts("core") == 3
"""


def test_a_wheel_holds_each_room_with_its_data(wheel: Path) -> None:
    """A catalog or a contract that is left out is missed only on a user's machine."""
    expected = {f"faultlab/{room}/{name}" for room in ROOMS for name in files_of(room)}
    expected |= {f"maximus/{name}" for name in files_of("maximus")}
    expected.add("faultlab/lab/environments/docker/docker-compose.yml")  # at the top of a checkout
    face = (ROOT / "src/faultlab").iterdir()
    expected |= {f"faultlab/{path.name}" for path in face if path.is_file()}
    assert {"faultlab/py.typed", "maximus/py.typed", "faultlab/lab/run.py"} <= expected
    assert wheel_names(wheel) == expected


def test_a_wheel_from_the_sdist_is_the_same(wheel: Path, wheel_from_sdist: Path) -> None:
    """An sdist drops links to directories, so it could lose every room unseen."""
    assert wheel_names(wheel_from_sdist) == wheel_names(wheel)


def test_an_sdist_holds_sources_and_tests_and_nothing_else(sdist: Path) -> None:
    """Without a list of its contents an sdist packs whatever lies about in the checkout."""
    with tarfile.open(sdist) as archive:
        names = [Path(name).parts[1:] for name in archive.getnames()]
    tops = {parts[0] for parts in names}
    assert tops >= {*ROOMS, "maximus", "tests", "src", "Makefile", "requirements.lock", ".ci"}
    assert tops - {"PKG-INFO", ".gitignore"} <= {path.name for path in ROOT.iterdir()}
    assert {".venv", ".git", ".faultlab", "dist"} & tops == set()
    assert [parts for parts in names if parts[:1] == ("src",) and len(parts) > 3] == []


def test_an_installation_brings_two_import_names(installed: Path, tmp_path: Path) -> None:
    """A top-level `lab` or `scenarios` would break the repositories of others."""
    names = ("faultlab", "maximus", "lab", "faults", "scenarios", "fixtures", "tests")
    code = (
        "import importlib.util as u\n"
        f"print(*(name for name in {names!r} if u.find_spec(name) is not None))\n"
        "import faultlab.lab, maximus; print(faultlab.lab.__file__, maximus.__file__)"
    )
    found, files = run(installed, "-c", code, cwd=tmp_path).stdout.splitlines()
    assert found == "faultlab maximus"
    assert str(ROOT) not in files


def test_a_story_passes_in_a_strangers_repository(installed: Path, stranger: Path) -> None:
    """The command works right after installation, whatever the folder it is called in."""
    command = installed.parent / "faultlab"
    done = run(command, "run", "down", "--seed", "7", cwd=stranger, env=outside_env())
    assert done.stdout.splitlines()[-1].startswith("PASS")


def test_the_plugin_works_in_a_strangers_repository(installed: Path, stranger: Path) -> None:
    """The fixture `lab` and the package `lab` of a stranger live side by side, in its child too."""
    done = run(
        *(installed, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"),
        cwd=stranger,
        env=outside_env(),
    )
    assert "4 passed" in done.stdout


@pytest.mark.parametrize(
    ("file", "client"),
    [
        ("orders_lab.py", "plain"),
        ("clients_lab.py", "threads"),
        ("clients_lab.py", "tasks"),
        ("clients_lab.py", "command"),
    ],
)
def test_clients_that_are_shown_are_judged_in_a_strangers_repository(
    installed: Path, stranger: Path, file: str, client: str
) -> None:
    """httpx as the README shows it; requests in threads, aiohttp and curl as the guide does."""
    (stranger / "clients_lab.py").write_text(shown_file(GUIDE, "clients_lab.py"))
    if client == "command" and shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    sees_all = (
        client != "command" or os.geteuid() == 0
    )  # counting a command's connects needs rights
    done = run(
        *(installed.parent / "faultlab", "run", "down", "5xx", "partial", "--seed", "7"),
        *("--subject", f"{file}:{client}"),
        cwd=stranger,
        env=outside_env(),
        ok=0 if sees_all else 3,
    )
    assert done.stdout.splitlines()[-1].startswith("PASS  3 pass" if sees_all else "UNKNOWN")
