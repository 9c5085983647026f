"""The suite table against RFC 9528 section 3.6."""

import pytest

from picosec.crypto.suites import SUITES


@pytest.mark.parametrize(
    ("number", "row"),
    [
        (0, (10, 8, 4, -8, 10)),
        (1, (30, 16, 4, -8, 10)),
        (2, (10, 8, 1, -7, 10)),
        (3, (30, 16, 1, -7, 10)),
        (4, (24, 16, 4, -8, 24)),
        (5, (24, 16, 1, -7, 24)),
        (6, (1, 16, 4, -7, 1)),
    ],
)
def test_a_suite_is_what_the_standard_says(number, row):
    """AEAD, MAC length, curve, signature, application AEAD; the two hashes are SHA-256 (−16) in each."""
    suite = SUITES[number]

    assert row == (
        suite.aead.value,
        suite.mac_length,
        suite.curve.value,
        suite.signature.value,
        suite.application_aead.value,
    )
    assert suite.number == number
