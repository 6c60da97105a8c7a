import pytest

from faultlab.lab.redaction import exposed, is_secret, redacted, redacted_target, shortened


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GET /orders?api_key=s3cret&page=2", "GET /orders?api_key=[redacted]&page=2"),
        ("http://user:s3cret@host/x", "http://[redacted]@host/x"),
        ("Authorization: Bearer s3cret", "Authorization: [redacted]"),
        ("{'authorization': 'Basic czNjcmV0', 'a': 1}", "{'authorization': '[redacted]', 'a': 1}"),
        ("sent Bearer s3cret.x-y to it", "sent Bearer [redacted] to it"),
        ("Set-Cookie: sid=s3cret; Path=/", "Set-Cookie: [redacted]"),
        ('{"access_token": "s3cret", "n": 1}', '{"access_token": "[redacted]", "n": 1}'),
        ("X-API-Key: s3cret", "X-API-Key: [redacted]"),
        ("password=s3cret", "password=[redacted]"),
        ('body="token=s3cret"', 'body="token=[redacted]"'),
        ("my-jwt=s3cret, my_jwt=kept", "my-jwt=[redacted], my_jwt=kept"),
        ("x.user-token-2: 's3cret'", "x.user-token-2: '[redacted]'"),
    ],
)
def test_a_secret_is_taken_out_by_its_name(text: str, kept: str) -> None:
    """Histories are attached to bug reports."""
    assert redacted(text) == redacted(kept) == kept  # once or twice


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("GET /orders?api_key=swordfish&page=2", ["api_key"]),
        ("http://user:s3cret@host/x", ["password of a URL"]),
        ("Authorization: Bearer s3cret", ["authorization"]),
        ("{'authorization': 'Basic swordfish', 'a': 1}", ["authorization"]),
        ("sent Bearer s3cret.x-y to it", ["bearer"]),
        ("Set-Cookie: sid=s3cret; Path=/", ["set-cookie"]),
        ('{"access_token": "swordfish", "n": 1}', ["access_token"]),
        ("X-API-Key: s3cret, X-API-Key: s3cret", ["x-api-key"]),
    ],
)
def test_a_text_that_tells_a_secret_is_named(text: str, names: list[str]) -> None:
    """It is a client's failure, and a log line of tomorrow."""
    assert list(exposed(text)) == names
    assert exposed(redacted(text)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "core: GET /health: connection refused (3 attempts, 0.140 s)",
        "token: expired",
        "Unexpected token: 'const' at 3",
        "Bearer token required",
        "invalid api_key: must be set",
        "max_tokens=4096, max_tokens: 4096",
        "password=None, {'password': None, 'token': '***'}",
        "token_type='Bearer', token_url=https://host/x",
        "http://user@host/a:b http://user:***@host/",
        "Authorization: missing",
        'WWW-Authenticate: Bearer realm="api"',
        "secret=<hidden> secret=[redacted]",
    ],
)
def test_words_about_secrets_tell_none(text: str) -> None:
    """Whoever is blamed for saying that a key is missing stops listening."""
    assert exposed(text) == ()


def test_text_without_secrets_stays() -> None:
    """A message that lost its numbers would be no evidence."""
    text = "core: GET /health: connection refused (3 attempts, 0.140 s)"
    assert redacted(text) == text


def test_names_of_secrets() -> None:
    """The same names hold for headers and parameters."""
    assert [is_secret(it) for it in ("Authorization", "X-Api-Key", "refresh_token")] == [True] * 3
    assert [is_secret(it) for it in ("Retry-After", "X-Faultlab-Op", "page")] == [False] * 3


def test_secrets_in_a_query_are_redacted_by_name() -> None:
    """The rest of the target decides what a fault covers, so it stays."""
    assert redacted_target("/a/b") == "/a/b"
    assert redacted_target("/a?") == "/a?"
    assert redacted_target("http://u:s3cret@host/a") == "http://[redacted]@host/a"
    assert (
        redacted_target("/a?q=1&api_key=k&TOKEN=t&password=&key=v&monkey=x")
        == "/a?q=1&api_key=[redacted]&TOKEN=[redacted]&password=[redacted]&key=[redacted]&monkey=x"
    )


@pytest.mark.parametrize(
    "part",
    ["a-", "token", "token-", "a&", "a", "x://", "token ", "authorization ", "-jwt", "Bearer "],
)
def test_long_text_takes_time_in_proportion(part: str) -> None:
    """It is a peer's: a path of 60,000 bytes must not stop the lab (the test would time out)."""
    text = part * (60_000 // len(part))
    assert redacted(text)
    assert exposed(text) == ()
    assert len(redacted_target("/" + text)) < 5000


def test_what_is_cut_off_says_so() -> None:
    """A history is read by people, and kept whole in memory."""
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "abc...(4 characters)"
    assert redacted_target("/" + "x" * 2999) == "/" + "x" * 2047 + "...(3000 characters)"
