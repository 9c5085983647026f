"""Faults of the messaging chapter."""
