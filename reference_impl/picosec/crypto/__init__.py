"""Suites, key derivation and the vault behind which every private key lives."""
