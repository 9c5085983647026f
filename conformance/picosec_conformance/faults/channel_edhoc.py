"""Faults of the channel edhoc chapter."""
