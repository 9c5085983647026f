"""The two sample reports."""

from __future__ import annotations

import pytest

from picosec_conformance.report.model import Report

from . import sample


@pytest.fixture(scope="session")
def passing() -> Report:
    """A certified run."""
    return sample.passing()


@pytest.fixture(scope="session")
def failing() -> Report:
    """A run with every verdict, and a target that sends hostile text."""
    return sample.failing()
