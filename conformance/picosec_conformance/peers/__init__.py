"""Implementations that others wrote, each behind a thin shim."""
