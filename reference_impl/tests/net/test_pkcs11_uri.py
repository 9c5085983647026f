"""The name of a vault in a token is read strictly: what is not understood names nothing."""

from pathlib import Path

import pytest

from picosec.net.pkcs11_uri import Pkcs11Uri, parse
from picosec.net.storage import StorageError


def test_every_part_is_read() -> None:
    """All that there is, in any order, with what must be percent-encoded."""
    text = (
        "pkcs11:object=hall%20lamp;token=My%3btoken%3F;serial=0a:1;model=SoftHSM%20v2;manufacturer=a&b"
        "?pin-source=file:/etc/pin&module-path=/usr/lib/a+b.so"
    )

    assert parse(text) == Pkcs11Uri(
        "My;token?", "0a:1", "a&b", "SoftHSM v2", "hall lamp", Path("/usr/lib/a+b.so"), Path("/etc/pin")
    )


def test_a_token_is_enough() -> None:
    """The rest comes from the environment, and the vault has a name of its own."""
    assert parse("pkcs11:token=lamp") == Pkcs11Uri("lamp", None, None, None, "picosec", None, None)


@pytest.mark.parametrize("source", ["/etc/pin", "file:/etc/pin", "file:///etc/pin", "file://localhost/etc/pin"])
def test_the_pin_comes_from_a_file(source: str) -> None:
    """RFC 7512 section 2.4: a path, or a URI with the scheme file."""
    assert parse(f"pkcs11:token=lamp?pin-source={source}").pin_source == Path("/etc/pin")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("pkcs11:", "must name the token"),
        ("pkcs11:object=lamp", "must name the token"),
        ("pkcs11:model=x", "must name the token"),
        ("PKCS11:token=lamp", "a vault in a token is named pkcs11:token="),
        ("token=lamp", "a vault in a token is named pkcs11:token="),
        ("pkcs11:token=", "'token=' is not NAME=VALUE"),
        ("pkcs11:token", "'token' is not NAME=VALUE"),
        ("pkcs11:token=a;", "'' is not NAME=VALUE"),
        ("pkcs11:;token=a", "'' is not NAME=VALUE"),
        ("pkcs11:token=a b", "'token=a b' is not NAME=VALUE"),
        ("pkcs11:token=a/b", "'token=a/b' is not NAME=VALUE"),
        ("pkcs11:token=a%2", "'token=a%2' is not NAME=VALUE"),
        ("pkcs11:token=a%zz", "'token=a%zz' is not NAME=VALUE"),
        ("pkcs11:token=ä", "'token=ä' is not NAME=VALUE"),
        ("pkcs11:token=a\n", "is not NAME=VALUE"),
        ("pkcs11:token=a%FF", "'token' is not UTF-8"),
        ("pkcs11:token=a%00", "'token' holds a control character"),
        ("pkcs11:token=a%0A", "'token' holds a control character"),
        ("pkcs11:token=a;token=b", "'token' stands there twice"),
        ("pkcs11:token=a;token=a", "'token' stands there twice"),
        ("pkcs11:token=a;id=%01", "'id' names no vault: use token, serial"),
        ("pkcs11:token=a;slot-id=1", "'slot-id' names no vault"),
        ("pkcs11:token=a;x-vendor=1", "'x-vendor' names no vault"),
        ("pkcs11:token=a;module-path=x", "'module-path' names no vault"),
        ("pkcs11:token=a?token=b", "'token' names no vault: use module-path, pin-source"),
        ("pkcs11:token=a?module-name=x", "'module-name' names no vault"),
        ("pkcs11:token=a?module-path=/x&module-path=/x", "'module-path' stands there twice"),
        ("pkcs11:token=a?module-path=x.so", "module-path takes the absolute path of a file, not 'x.so'"),
        ("pkcs11:token=a?pin-source=|/bin/pin", "pin-source takes the absolute path of a file"),
        ("pkcs11:token=a?pin-source=file://elsewhere/pin", "pin-source takes the absolute path of a file"),
        ("pkcs11:token=a?pin-source=https://elsewhere/pin", "pin-source takes the absolute path of a file"),
    ],
)
def test_what_is_not_understood_names_nothing(text: str, reason: str) -> None:
    """A part that is passed over may have been the one that tells two tokens apart."""
    with pytest.raises(StorageError) as caught:
        parse(text)

    assert reason in caught.value.detail
    assert "\n" not in caught.value.detail


def test_a_pin_in_the_uri_is_refused_without_repeating_it() -> None:
    """Everybody on the machine sees the command lines of all processes; a log need not show it as well."""
    with pytest.raises(StorageError) as caught:
        parse("pkcs11:token=a?pin-value=1234")

    assert "pin-source=" in caught.value.detail
    assert "1234" not in caught.value.detail
