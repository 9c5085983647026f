"""The minimal reference implementation of PicoSec: readable first, fast enough to serve as the suite's own peer."""
