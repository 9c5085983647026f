"""Adapters move frames to and from the target, nothing else."""
