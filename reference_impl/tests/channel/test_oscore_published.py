"""RFC 8613 appendix C and section 6.3: the published bytes, end to end."""

import pytest

from picosec.channel.oscore import Binding, protect_request, protect_response, unprotect_request, unprotect_response
from picosec.channel.oscore_context import SecurityContext, derive_keys
from picosec.channel.oscore_option import OscoreOption
from picosec.crypto.aead import Aead
from picosec.messaging.coap import Message

SECRET = bytes.fromhex("0102030405060708090a0b0c0d0e0f10")
SALT = bytes.fromhex("9e7ca92223786340")
CONTEXT = bytes.fromhex("37cbf3210017a2d3")

# name: salt, client's id, server's id, ID Context; then as the client: info ×3, sender key, recipient key, Common IV.
DERIVATIONS = {
    "C.1": (
        (SALT, "", "01", None),
        ("8540f60a634b657910", "854101f60a634b657910", "8540f60a6249560d"),
        ("f0910ed7295e6ad4b54fc793154302ff", "ffb14e093c94c9cac9471648b4f98710", "4622d4dd6d944168eefb54987c"),
    ),
    "C.2": (
        (b"", "00", "01", None),
        ("854100f60a634b657910", "854101f60a634b657910", "8540f60a6249560d"),
        ("321b26943253c7ffb6003b0b64d74041", "e57b5635815177cd679ab4bcec9d7dda", "be35ae297d2dace910c52e99f9"),
    ),
    "C.3": (
        (SALT, "", "01", CONTEXT),
        (
            "85404837cbf3210017a2d30a634b657910",
            "8541014837cbf3210017a2d30a634b657910",
            "85404837cbf3210017a2d30a6249560d",
        ),
        ("af2a1300a5e95788b356336eeecd2b92", "e39a0c7c77b43f03b4b39ab9a268699f", "2ca58fb85ff1b81c0b7181b85e"),
    ),
}

# name: the derivation its context comes from, nonce of number 0 by the client and by the server.
NONCES = {
    "C.1": ("4622d4dd6d944168eefb54987c", "4722d4dd6d944169eefb54987c"),
    "C.2": ("bf35ae297d2dace910c52e99f9", "bf35ae297d2dace810c52e99f9"),
    "C.3": ("2ca58fb85ff1b81c0b7181b85e", "2da58fb85ff1b81d0b7181b85e"),
}

REQUESTS = {
    "C.4": (
        "C.1",
        "44015d1f00003974396c6f63616c686f737483747631",
        "8368456e63727970743040488501810a40411440",
        "4622d4dd6d944168eefb549868",
        "44025d1f00003974396c6f63616c686f7374620914ff612f1092f1776f1c1668b3825e",
    ),
    "C.5": (
        "C.2",
        "440171c30000b932396c6f63616c686f737483747631",
        "8368456e63727970743040498501810a4100411440",
        "bf35ae297d2dace910c52e99ed",
        "440271c30000b932396c6f63616c686f737463091400ff4ed339a5a379b0b8bc731fffb0",
    ),
    "C.6": (
        "C.3",
        "44012f8eef9bbf7a396c6f63616c686f737483747631",
        "8368456e63727970743040488501810a40411440",
        "2ca58fb85ff1b81c0b7181b84a",
        "44022f8eef9bbf7a396c6f63616c686f73746b19140837cbf3210017a2d3ff72cd7273fd331ac45cffbe55c3",
    ),
}

RESPONSE = "64455d1f00003974ff48656c6c6f20576f726c6421"
RESPONSES = {
    "C.7": (True, "64445d1f0000397490ffdbaad1e9a7e7b2a813d3c31524378303cdafae119106"),
    "C.8": (False, "64445d1f00003974920100ff4d4c13669384b67354b2b6175ff4b8658c666a6cf88e"),
}

# RFC 8613 section 6.3, examples 1 to 5: Partial IV, kid, kid context, option value.
OPTIONS = [
    ("05", "25", None, "090525"),
    ("00", "", None, "0900"),
    ("05", "", "44616c656b", "19050544616c656b"),
    ("", None, None, ""),
    ("07", None, None, "0107"),
]


def contexts(name, first_number=0):
    salt, client_id, server_id, id_context = DERIVATIONS[name][0]
    client_id, server_id = bytes.fromhex(client_id), bytes.fromhex(server_id)
    both = {"master_salt": salt, "id_context": id_context}
    client = SecurityContext(SECRET, client_id, server_id, first_number=first_number, **both)
    return client, SecurityContext(SECRET, server_id, client_id, **both)


@pytest.mark.parametrize("name", DERIVATIONS)
def test_keys_are_those_of_the_rfc(name):
    (salt, client_id, server_id, id_context), infos, keys = DERIVATIONS[name]
    client_id, server_id = bytes.fromhex(client_id), bytes.fromhex(server_id)

    derived = derive_keys(SECRET, salt, client_id, server_id, id_context, Aead.AES_CCM_16_64_128)
    mirrored = derive_keys(SECRET, salt, server_id, client_id, id_context, Aead.AES_CCM_16_64_128)

    assert (derived.sender_info.hex(), derived.recipient_info.hex(), derived.iv_info.hex()) == infos
    assert (derived.sender_key.hex(), derived.recipient_key.hex(), derived.common_iv.hex()) == keys
    assert (mirrored.recipient_key.hex(), mirrored.sender_key.hex(), mirrored.common_iv.hex()) == keys


@pytest.mark.parametrize("name", NONCES)
def test_nonces_are_those_of_the_rfc(name):
    client, server = contexts(name)

    assert (client.sender.nonce(0).hex(), client.recipient.nonce(0).hex()) == NONCES[name]
    assert (server.recipient.nonce(0).hex(), server.sender.nonce(0).hex()) == NONCES[name]


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_those_of_the_rfc(name):
    """Sequence number 20, Uri-Host left outside."""
    derivation, plain, aad, nonce, protected = REQUESTS[name]
    client, server = contexts(derivation, first_number=20)

    message, binding = protect_request(client, Message.decode(bytes.fromhex(plain)))
    opened, mirrored = unprotect_request(server, Message.decode(bytes.fromhex(protected)))

    assert message.encode().hex() == protected
    assert (binding.aad.hex(), binding.nonce.hex()) == (aad, nonce)
    assert opened.encode().hex() == plain
    assert (mirrored.aad.hex(), mirrored.nonce.hex()) == (aad, nonce)


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_are_those_of_the_rfc(name):
    """C.7 uses the nonce of request C.4; C.8 carries a Partial IV of its own."""
    reuses_nonce, protected = RESPONSES[name]
    aad, nonce = (bytes.fromhex(text) for text in REQUESTS["C.4"][2:4])
    client, server = contexts("C.1")

    message = protect_response(
        server, Binding(aad, nonce if reuses_nonce else None), Message.decode(bytes.fromhex(RESPONSE))
    )
    opened = unprotect_response(client, Binding(aad, nonce), Message.decode(bytes.fromhex(protected)))

    assert message.encode().hex() == protected
    assert opened.encode().hex() == RESPONSE


@pytest.mark.parametrize(("partial_iv", "kid", "kid_context", "value"), OPTIONS)
def test_option_values_are_those_of_the_rfc(partial_iv, kid, kid_context, value):
    option = OscoreOption(
        bytes.fromhex(partial_iv),
        None if kid is None else bytes.fromhex(kid),
        None if kid_context is None else bytes.fromhex(kid_context),
    )

    assert option.encode().hex() == value
    assert OscoreOption.decode(bytes.fromhex(value)) == option
