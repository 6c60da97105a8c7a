import asyncio
import inspect
import time

import pytest

import maximus
from maximus import MaximusClient, MaximusError, Policy


def test_the_public_names_are_sorted_and_exist():
    """`__all__` is the promise that stays."""
    assert maximus.__all__ == sorted(maximus.__all__)
    assert all(hasattr(maximus, name) for name in maximus.__all__)


def test_the_defaults_need_no_arguments():
    """The services' own ports, and real time."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(MaximusClient).parameters.items()
    }
    assert defaults == {
        "core_url": "http://127.0.0.1:8100",
        "penelope_url": "http://127.0.0.1:8154",
        "policy": Policy(),
        "health_max_age": 30.0,
        "clock": time.monotonic,
        "wall": time.time,
        "sleep": asyncio.sleep,
        "random": None,
        "http_transport": None,
        "api_key": None,
    }


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"core_url": "127.0.0.1:8100"}, "core_url must be an http or https URL"),
        (
            {"core_url": "ftp://core"},
            "core_url must be an http or https URL, got URL('ftp://core')",
        ),
        ({"core_url": "http://"}, "core_url must be an http or https URL"),
        ({"core_url": "http://core:port"}, "core_url must be an http or https URL"),
        (
            {"penelope_url": "http://p/?x=1"},
            "penelope_url must be a URL without user, query or fragment",
        ),
        ({"penelope_url": None}, "penelope_url must be an http or https URL"),
        (
            {"health_max_age": -1.0},
            "health_max_age must be a number of seconds at least 0, got -1.0",
        ),
        (
            {"health_max_age": float("nan")},
            "health_max_age must be a number of seconds at least 0, got nan",
        ),
        ({"api_key": ""}, "api_key must be printable ASCII text"),
        ({"api_key": "k\ney"}, "api_key must be printable ASCII text"),
    ],
)
def test_nonsense_is_refused_at_construction(options, text):
    """One sentence that names the argument."""
    with pytest.raises(ValueError) as caught:
        MaximusClient(**options)
    assert str(caught.value).startswith(text)


def test_no_secret_stands_in_a_refusal():
    """A password in a URL, or a broken key."""
    with pytest.raises(ValueError) as caught:
        MaximusClient(core_url="http://user:hunter2@core")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError) as caught:
        MaximusClient(api_key="hunter2\n")
    assert "hunter2" not in str(caught.value)


def test_a_url_may_have_a_path(stage):
    """Behind a gateway it has."""
    client = stage.client(
        stage.body(stage.answers[8100, "/health"]), core_url="http://gate:1/core/"
    )
    stage.run(client.health)
    assert str(stage.script.requests[0].url) == "http://gate:1/core/health"


def test_the_key_goes_out_as_a_header_and_into_no_error(stage):
    """Where there is one."""
    client = stage.client(404, api_key="hunter2")
    error = stage.fail(client.health)
    assert stage.script.requests[0].headers["X-API-Key"] == "hunter2"
    assert "hunter2" not in f"{error}{error!r}{vars(error)}"
    client = stage.client()
    stage.run(client.health)
    assert "X-API-Key" not in stage.script.requests[0].headers


def test_cookies_of_a_service_go_nowhere(stage):
    """Loopback services share a host, and cookies know no port."""
    client = stage.client(stage.body({}, 404, set_cookie="sid=1; Path=/"))

    async def scene():
        await stage.failing(client.health)
        await client.penelope.health()

    stage.run(scene)
    assert "Cookie" not in stage.script.requests[1].headers


def test_the_time_outs_of_the_policy_reach_the_transport(stage):
    """The transport is who measures them."""
    client = stage.client()
    stage.run(client.health)
    assert stage.script.requests[0].extensions["timeout"] == {
        "connect": 2.0,
        "read": 10.0,
        "write": 10.0,
        "pool": 2.0,
    }


def test_health_is_remembered_and_health_max_age_zero_turns_that_off(stage):
    """Thirty seconds by default."""

    async def scene(client):
        for wait in (0.0, 29.0, 2.0):
            await asyncio.sleep(wait)
            await client.health()
        return len(stage.script.requests)

    client = stage.client()
    assert stage.run(lambda: scene(client)) == 2
    client = stage.client(health_max_age=0.0)
    assert stage.run(lambda: scene(client)) == 3


def test_leaving_the_block_closes_the_transport(stage):
    """No connection outlives the client."""

    async def scene():
        async with stage.client() as client:
            await client.health()
        await client.aclose()
        return await stage.failing(lambda: client.query("late"))

    error = stage.run(scene)
    assert stage.script.closed
    assert type(error) is MaximusError
