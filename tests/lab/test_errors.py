import pickle

from faultlab.lab.errors import LabError, SetupError, SubjectError, UsageError


def test_a_message_is_a_sentence_and_labelled_rows() -> None:
    """The author reads what was expected and what was seen below each other."""
    error = SubjectError(
        "orders_lab.py:orders: `read` came back ok from elsewhere",
        expected="a connect to 127.0.0.1:41733",
        seen="",
        mend="build the client from urls['orders']",
    )
    assert str(error).splitlines() == [
        "orders_lab.py:orders: `read` came back ok from elsewhere",
        "  expected   a connect to 127.0.0.1:41733",
        "  mend       build the client from urls['orders']",
    ]


def test_an_error_survives_the_way_between_processes() -> None:
    """Scenarios are played in workers; an error must arrive whole."""
    error = pickle.loads(pickle.dumps(SetupError("no right", mend="run as root")))
    assert type(error) is SetupError
    assert str(error) == "no right\n  mend       run as root"


def test_each_addressee_has_a_class_of_its_own() -> None:
    """Exit codes follow from who can mend it."""
    assert [issubclass(it, LabError) for it in (UsageError, SetupError, SubjectError)] == [True] * 3
    assert not issubclass(SubjectError, SetupError)
