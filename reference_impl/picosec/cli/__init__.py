"""Commands of the reference implementation."""
