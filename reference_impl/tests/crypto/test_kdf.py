"""HKDF against published values."""

import pytest

from picosec.crypto.kdf import hkdf_expand, hkdf_extract


def test_hkdf_gives_the_published_values():
    """RFC 5869 appendix A.1."""
    prk = hkdf_extract(bytes(range(13)), b"\x0b" * 22)

    assert prk.hex() == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    assert hkdf_expand(prk, bytes(range(0xF0, 0xFA)), 42).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def test_an_empty_salt_stands_for_zeros():
    """RFC 5869 appendix A.3."""
    prk = hkdf_extract(b"", b"\x0b" * 22)

    assert prk == hkdf_extract(bytes(32), b"\x0b" * 22)
    assert hkdf_expand(prk, b"", 42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


def test_output_grows_without_changing_what_came_before():
    """RFC 5869 section 2.3: OKM is a prefix of T(1) ‖ T(2) ‖ …; the longest is 255 blocks."""
    longest = hkdf_expand(bytes(32), b"info", 8160)

    for length in (0, 1, 31, 32, 33, 64, 65, 8159):
        assert hkdf_expand(bytes(32), b"info", length) == longest[:length]
    with pytest.raises(ValueError, match="8160"):
        hkdf_expand(bytes(32), b"info", 8161)
