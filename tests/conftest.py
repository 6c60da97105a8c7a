"""What holds for all tests: no example of a property has a deadline; one option."""

import pytest
from hypothesis import settings

# How long one example takes says something of the machine, and fails where others use it too.
settings.register_profile("faultlab", deadline=None)
settings.load_profile("faultlab")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make score`."""
    parser.addoption(
        "--write-score",
        action="store_true",
        help="write the measured score into README and GUIDE, instead of comparing",
    )
