"""Test vectors: model, generators, checks, and the line protocol of shims."""
