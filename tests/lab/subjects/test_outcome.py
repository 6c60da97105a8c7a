import httpx
import pydantic
import pytest

from faultlab.lab.history import Raised
from faultlab.lab.subjects.command_line import CommandFailed
from faultlab.lab.subjects.outcome import chain, digest, qualified


class UnavailableError(ConnectionError):
    """A client's own error."""


def caught(*, cause: bool) -> BaseException:
    """What a caller of that client gets."""
    try:
        try:
            raise OSError(111, "Connection refused")
        except OSError as error:
            if cause:
                raise UnavailableError("orders is down") from error
            raise UnavailableError("orders is down") from None
    except UnavailableError as error:
        return error


def test_a_chain_names_every_class_of_each_exception() -> None:
    """Contracts may name a base class; the history can't import the subject's module."""
    first, second = chain(caught(cause=True))
    assert first == Raised(
        classes=(
            f"{__name__}.UnavailableError",
            "builtins.ConnectionError",
            "builtins.OSError",
            "builtins.Exception",
            "builtins.BaseException",
        ),
        message="orders is down",
    )
    assert second.classes[0] == "builtins.ConnectionRefusedError"


def test_a_chain_says_how_each_hangs_on_the_one_before() -> None:
    """What was raised `from` is stated, what was under way may be chance."""
    try:
        try:
            raise OSError
        except OSError:
            raise KeyError from ExceptionGroup("two", [ValueError(), TypeError()])
    except KeyError as error:
        ways = [(link.classes[0].rpartition(".")[2], link.via) for link in chain(error)]
    assert ways == [
        ("KeyError", ""),
        ("ExceptionGroup", "cause"),
        ("ValueError", "member"),
        ("TypeError", "member"),
    ]
    by_chance = KeyError()
    by_chance.__context__ = OSError()
    assert [link.via for link in chain(by_chance)] == ["", "context"]


def test_a_suppressed_context_is_left_out() -> None:
    """`from None` says that it is no cause."""
    assert len(chain(caught(cause=False))) == 1


def test_a_command_has_its_exit_code_for_a_class() -> None:
    """Nothing of the lab's own may look like an exception of the client's."""
    raised = Raised(classes=("exit 7",), message="no route")
    assert chain(CommandFailed("exit 7", "no route")) == (raised,)


def test_a_circle_of_causes_ends() -> None:
    """A client that re-raises carelessly must not hang the lab."""
    error = ValueError("a")
    other = ValueError("b")
    error.__cause__, other.__cause__ = other, error
    assert [link.message for link in chain(error)] == ["a", "b"]


def test_a_group_shows_its_members() -> None:
    """A task group wraps what the client meant to raise."""
    group = ExceptionGroup("two", [ValueError("a"), OSError("b")])
    assert [link.message for link in chain(group)][1:] == ["a", "b"]


def test_a_message_is_short_and_without_secrets() -> None:
    """Histories are attached to bug reports."""
    (told,) = chain(ValueError("token=s3cret " + "x" * 400))
    assert told.message == "token=[redacted] " + "x" * 280 + "..."


def test_a_secret_that_was_taken_out_is_named() -> None:
    """Else nobody could see that the client had told it."""
    (told,) = chain(ValueError("GET /orders?api_key=s3cret failed"))
    assert (told.message, told.secrets) == ("GET /orders?api_key=[redacted] failed", ("api_key",))


class CarryingError(Exception):
    """A client's error with all that an exception may carry."""

    __slots__ = ("empty", "slotted")

    def __init__(self) -> None:
        super().__init__("it failed")
        self.slotted = 3
        self.elapsed = 0.25
        self.api_key = "s3cret"
        self.url = "http://host/x?token=s3cret"
        self.response = object()
        self.huge = 2**64
        self.nothing = None
        self._private = 1

    @property
    def request(self) -> object:
        """Raises where it is read."""
        raise RuntimeError


def test_the_first_of_a_chain_tells_what_it_carries() -> None:
    """Contracts promise attributes; nothing of the subject's is run to read them."""
    first, second = chain(ExceptionGroup("one", [CarryingError()]))
    assert (first.attributes, second.attributes) == ({}, {})
    assert chain(CarryingError())[0].attributes == {
        "slotted": 3,
        "request": "<property>",
        "elapsed": 0.25,
        "api_key": "[redacted]",
        "url": "http://host/x?token=[redacted]",
        "response": "<builtins.object>",
        "huge": "<builtins.int>",
        "nothing": None,
    }


def test_attributes_that_can_not_be_read_are_none() -> None:
    """What the subject raises is foreign code up to its names."""

    class HidingError(Exception):
        @property
        def __dict__(self) -> dict[str, object]:  # type: ignore[override]
            raise RuntimeError

    assert chain(HidingError())[0].attributes == {}


def test_a_broken_str_is_no_failure_of_ours() -> None:
    """What the subject raises is foreign code up to its text."""

    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert chain(SilentError())[0].message == "(RuntimeError in its __str__)"


class Health(pydantic.BaseModel):
    """A client's own value."""

    status: str


@pytest.mark.parametrize(
    ("value", "equal", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3}),
        (Health(status="ok"), Health(status="ok"), Health(status="no")),
        (
            httpx.Response(200, text="x"),
            httpx.Response(200, text="x"),
            httpx.Response(503, text="x"),
        ),
    ],
)
def test_a_digest_tells_equal_values_apart(value: object, equal: object, other: object) -> None:
    """An old answer in place of a new one is seen without recording either."""
    assert digest(value) == digest(equal) != digest(other)
    assert len(digest(value)) == 12


def test_a_value_that_can_not_be_read_has_no_digest() -> None:
    """A wrong digest would be evidence against the client."""
    assert digest(object()) == ""


def test_a_class_is_named_as_contracts_name_it() -> None:
    """Public names stay public names: httpx moves its classes to the package."""
    assert qualified(httpx.ConnectError) == "httpx.ConnectError"
    assert qualified(OSError) == "builtins.OSError"
