"""Faults of the channel oscore chapter."""
