"""The minimal reference implementation of PicoSec: readable first, fast enough to serve as the suite's own peer."""

#: As in pyproject.toml; reading it from the package metadata would cost a third of the device's start-up time.
__version__ = "0.1.0"
