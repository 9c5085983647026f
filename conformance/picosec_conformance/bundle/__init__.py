"""Bundles: a run with all that somebody needs who was not there to check its verdicts (spec/v1/conformance.md)."""
