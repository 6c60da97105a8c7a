"""Contexts that read what they trust late trust the same, and fail where others would."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from faultlab.lab.environments.simulated import SimulatedLoop


@pytest.fixture
def on() -> Iterator[None]:
    """A run is on in this thread."""
    loop = SimulatedLoop(seed=1)
    with loop.run.on():
        yield
    loop.close()


@pytest.fixture
def late(on: None) -> ssl.SSLContext:
    """A context of a file that was read before."""
    for _ in range(2):
        context = ssl.create_default_context(cafile=certifi.where())
    assert type(context) is not ssl.SSLContext, "it has read its file at once"
    return context


@pytest.fixture(scope="module")
def all_of_them() -> int:
    """Certificates in the file, as an ordinary context has them."""
    return len(ssl.create_default_context(cafile=certifi.where()).get_ca_certs())


def test_who_asks_what_is_trusted_is_told_all(late: ssl.SSLContext, all_of_them: int) -> None:
    """And it is an ordinary context from then on."""
    assert late.cert_store_stats()["x509_ca"] == all_of_them
    assert type(late) is ssl.SSLContext
    assert len(late.get_ca_certs()) == all_of_them


def test_a_handshake_has_all_that_is_trusted(late: ssl.SSLContext, all_of_them: int) -> None:
    """Which is what asyncio's TLS begins with."""
    late.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="orders")
    assert type(late) is ssl.SSLContext
    assert len(late.get_ca_certs()) == all_of_them


def test_what_is_trusted_besides_is_trusted_too(
    late: ssl.SSLContext, all_of_them: int, tmp_path: Path
) -> None:
    """A second file takes nothing from the first."""
    first, *_ = Path(certifi.where()).read_text("utf-8").split("-----END CERTIFICATE-----")
    own = tmp_path / "own.pem"
    own.write_text(f"{first}-----END CERTIFICATE-----\n", "utf-8")
    late.load_verify_locations(own)
    assert len(late.get_ca_certs()) == all_of_them  # it is one of them


def test_what_was_set_meanwhile_is_kept(late: ssl.SSLContext) -> None:
    """A client that trusts everybody is its own affair, and no other's."""
    late.check_hostname = False
    late.verify_mode = ssl.CERT_NONE
    late.get_ca_certs()
    assert late.verify_mode == ssl.CERT_NONE
    other = ssl.create_default_context(cafile=certifi.where())
    assert other.verify_mode == ssl.CERT_REQUIRED


def test_a_context_that_outlives_its_run_is_whole(all_of_them: int) -> None:
    """Nothing of it depends on the run."""
    loop = SimulatedLoop(seed=1)
    with loop.run.on():
        contexts = [ssl.create_default_context(cafile=certifi.where()) for _ in range(2)]
    loop.close()
    assert [len(one.get_ca_certs()) for one in contexts] == [all_of_them, all_of_them]


def test_outside_a_run_a_file_is_read_at_once() -> None:
    """As ever."""
    loop = SimulatedLoop(seed=1)
    with loop.run.on():
        ssl.create_default_context(cafile=certifi.where())
    loop.close()
    assert type(ssl.create_default_context(cafile=certifi.where())) is ssl.SSLContext


@pytest.mark.usefixtures("on")
def test_a_file_that_is_none_fails_as_it_would(tmp_path: Path) -> None:
    """At once, and each time; one that was changed is read anew."""
    with pytest.raises(FileNotFoundError):
        ssl.create_default_context(cafile=tmp_path / "none.pem")
    own = tmp_path / "own.pem"
    own.write_bytes(Path(certifi.where()).read_bytes())
    ssl.create_default_context(cafile=own)
    own.write_text("nonsense", "utf-8")
    for _ in range(2):
        with pytest.raises(ssl.SSLError):
            ssl.create_default_context(cafile=own)
