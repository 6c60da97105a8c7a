"""What holds for all tests: no example of a property has a deadline."""

from hypothesis import settings

# How long one example takes says something of the machine, and fails where others use it too.
settings.register_profile("faultlab", deadline=None)
settings.load_profile("faultlab")
