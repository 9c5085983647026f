"""Names and code points. Generated from spec/v1/registry.toml by ``picosec spec generate``; do not edit."""

from enum import IntEnum
from typing import Final


class Problem(IntEnum):
    """The closed list of errors. The value is the number that problem details carry."""

    MALFORMED = 1
    NOT_DETERMINISTIC = 2
    TOO_LARGE = 3
    BAD_CHECKSUM = 4
    BAD_OPTION = 5
    NOT_FOUND = 6
    METHOD_NOT_ALLOWED = 7
    UNSUPPORTED_FORMAT = 8
    NOT_ACCEPTABLE = 9
    BAD_REQUEST = 10
    UNEXPECTED_MESSAGE = 11
    BUSY = 12
    TIMEOUT = 14
    NO_PROXY = 15
    DISCONNECTED = 18
    INTERNAL = 13
    INCOMPLETE = 16
    PRECONDITION_FAILED = 19
    INCONSISTENT = 17
    UNPROTECTED = 20
    UNKNOWN_CONTEXT = 21
    REPLAYED = 22
    DECRYPTION_FAILED = 23
    EXHAUSTED = 24
    UNSUPPORTED_METHOD = 30
    UNSUPPORTED_SUITE = 31
    UNKNOWN_CREDENTIAL = 32
    BAD_CREDENTIAL = 33
    BAD_KEY = 34
    AUTHENTICATION_FAILED = 35
    CRITICAL_EAD = 36
    BAD_IDENTIFIER = 37
    REFUSED = 38
    OUTCOME_UNKNOWN = 46
    OUT_OF_ORDER = 47
    DELIVERY_CHANGED = 48
    DELIVERY_LOST = 49
    UNSUPPORTED_ALGORITHM = 50
    MISDIRECTED = 51
    STALE = 52
    WRONG_PURPOSE = 53
    FORKED = 54
    FORBIDDEN = 55
    SPENT = 56
    BAD_EVIDENCE = 57


#: CoAP response code of each error, as one byte.
RESPONSE_CODE: Final[dict[Problem, int]] = {
    Problem.MALFORMED: 0x80,
    Problem.NOT_DETERMINISTIC: 0x80,
    Problem.TOO_LARGE: 0x8D,
    Problem.BAD_CHECKSUM: 0x80,
    Problem.BAD_OPTION: 0x82,
    Problem.NOT_FOUND: 0x84,
    Problem.METHOD_NOT_ALLOWED: 0x85,
    Problem.UNSUPPORTED_FORMAT: 0x8F,
    Problem.NOT_ACCEPTABLE: 0x86,
    Problem.BAD_REQUEST: 0x80,
    Problem.UNEXPECTED_MESSAGE: 0x80,
    Problem.BUSY: 0xA3,
    Problem.TIMEOUT: 0xA4,
    Problem.NO_PROXY: 0xA5,
    Problem.DISCONNECTED: 0xA4,
    Problem.INTERNAL: 0xA0,
    Problem.INCOMPLETE: 0x88,
    Problem.PRECONDITION_FAILED: 0x8C,
    Problem.INCONSISTENT: 0xA2,
    Problem.UNPROTECTED: 0x81,
    Problem.UNKNOWN_CONTEXT: 0x81,
    Problem.REPLAYED: 0x81,
    Problem.DECRYPTION_FAILED: 0x80,
    Problem.EXHAUSTED: 0xA0,
    Problem.UNSUPPORTED_METHOD: 0x80,
    Problem.UNSUPPORTED_SUITE: 0x80,
    Problem.UNKNOWN_CREDENTIAL: 0x80,
    Problem.BAD_CREDENTIAL: 0x80,
    Problem.BAD_KEY: 0x80,
    Problem.AUTHENTICATION_FAILED: 0x80,
    Problem.CRITICAL_EAD: 0x80,
    Problem.BAD_IDENTIFIER: 0x80,
    Problem.REFUSED: 0x80,
    Problem.OUTCOME_UNKNOWN: 0xA4,
    Problem.OUT_OF_ORDER: 0x89,
    Problem.DELIVERY_CHANGED: 0x89,
    Problem.DELIVERY_LOST: 0x89,
    Problem.UNSUPPORTED_ALGORITHM: 0x80,
    Problem.MISDIRECTED: 0x83,
    Problem.STALE: 0x83,
    Problem.WRONG_PURPOSE: 0x83,
    Problem.FORKED: 0x89,
    Problem.FORBIDDEN: 0x83,
    Problem.SPENT: 0x83,
    Problem.BAD_EVIDENCE: 0x83,
}

#: What each error means, in words.
TEXT: Final[dict[Problem, str]] = {
    Problem.MALFORMED: "the bytes do not follow the grammar of the format",
    Problem.NOT_DETERMINISTIC: "well-formed CBOR, but not its deterministic encoding",
    Problem.TOO_LARGE: "larger or deeper than the stated limit",
    Problem.BAD_CHECKSUM: "the frame check sequence does not match",
    Problem.BAD_OPTION: "a critical option is unknown, repeated or has a bad length",
    Problem.NOT_FOUND: "no such resource",
    Problem.METHOD_NOT_ALLOWED: "the resource does not take this method",
    Problem.UNSUPPORTED_FORMAT: "the content format of the payload is not understood",
    Problem.NOT_ACCEPTABLE: "no representation in an accepted content format",
    Problem.BAD_REQUEST: "well-formed, but the values make no sense here",
    Problem.UNEXPECTED_MESSAGE: "the message does not belong in this state",
    Problem.BUSY: "no room for more work now; try later",
    Problem.TIMEOUT: "no acknowledgement or response came in time",
    Problem.NO_PROXY: "this endpoint does not forward requests",
    Problem.DISCONNECTED: "the connection ended before the answer came",
    Problem.INTERNAL: "the implementation failed",
    Problem.INCOMPLETE: "blocks of the body are missing",
    Problem.PRECONDITION_FAILED: "a condition of the request does not hold",
    Problem.INCONSISTENT: "blocks that do not belong together",
    Problem.UNPROTECTED: "the resource is only served over a channel",
    Problem.UNKNOWN_CONTEXT: "no security context for this key identifier",
    Problem.REPLAYED: "the sequence number was used before",
    Problem.DECRYPTION_FAILED: "the protected message did not authenticate",
    Problem.EXHAUSTED: "a key or sequence number reached its limit",
    Problem.UNSUPPORTED_METHOD: "the EDHOC method is not supported",
    Problem.UNSUPPORTED_SUITE: "no acceptable cipher suite was selected",
    Problem.UNKNOWN_CREDENTIAL: "no credential is known by this reference",
    Problem.BAD_CREDENTIAL: "the credential is not usable: its form, kind, key, curve or issuer",
    Problem.BAD_KEY: "the public key is not a valid point or gives a weak secret",
    Problem.AUTHENTICATION_FAILED: "a MAC, signature or ciphertext of the handshake did not verify",
    Problem.CRITICAL_EAD: "a critical external authorization data item is not understood",
    Problem.BAD_IDENTIFIER: "the connection identifier cannot be used",
    Problem.REFUSED: "the peer ended the handshake with an error message",
    Problem.OUTCOME_UNKNOWN: "an ordered request was sent, and nobody can tell whether it was acted on",
    Problem.OUT_OF_ORDER: "the delivery number is not the next one of its stream",
    Problem.DELIVERY_CHANGED: "the delivery number was used before, for another request",
    Problem.DELIVERY_LOST: "the stream is not known: begun before memory was lost, or given up",
    Problem.UNSUPPORTED_ALGORITHM: "the object is signed or encrypted with an algorithm that is not supported",
    Problem.MISDIRECTED: "the object is meant for another recipient",
    Problem.STALE: "the object is older than its recipient accepts, or comes from the future",
    Problem.WRONG_PURPOSE: "the key may not be used for this purpose",
    Problem.FORKED: "the history contradicts what is known of the identity",
    Problem.FORBIDDEN: "what was granted to the peer does not allow this",
    Problem.SPENT: "the token was used before",
    Problem.BAD_EVIDENCE: "the evidence shows a state that is not acceptable",
}

CONTENT_FORMAT_LINK_FORMAT: Final = 40
CONTENT_FORMAT_OCTET_STREAM: Final = 42
CONTENT_FORMAT_CBOR: Final = 60
CONTENT_FORMAT_EDHOC: Final = 64
CONTENT_FORMAT_CID_EDHOC: Final = 65
CONTENT_FORMAT_SENML_CBOR: Final = 112
CONTENT_FORMAT_PROBLEM_DETAILS: Final = 257
CONTENT_FORMAT_COSE_ENCRYPT0: Final = 16
CONTENT_FORMAT_COSE_SIGN1: Final = 18
CONTENT_FORMAT_COSE_ENCRYPT: Final = 96
CONTENT_FORMAT_EAT: Final = 263
CONTENT_FORMAT_STATUS_LIST: Final = 279
OPTION_OSCORE: Final = 9
PROBLEM_DETAIL_KEY: Final = 65000
EXPORTER_LABEL_KEY_UPDATE: Final = 32768
EXPORTER_LABEL_ATTESTATION: Final = 32769
OPTION_DELIVERY: Final = 65001
CONTENT_FORMAT_BUNDLE_LISTING: Final = 65001
CONTENT_FORMAT_PLATFORM_OBJECT: Final = 65002
CONTENT_FORMAT_APPLICATION_OBJECT: Final = 65003
CONTENT_FORMAT_IDENTITY_STATEMENT: Final = 65004
CONTENT_FORMAT_IDENTITY_HISTORY: Final = 65005
CONTENT_FORMAT_CREDENTIAL_CHAIN: Final = 65006
CONTENT_FORMAT_ENDORSEMENT: Final = 65007
CONTENT_FORMAT_TOKEN_REQUEST: Final = 65008
CONTENT_FORMAT_TOKEN_RESPONSE: Final = 65009
CONTENT_FORMAT_TOKEN_REDEMPTION: Final = 65010
CLAIM_RECIPIENT: Final = -65537
CLAIM_SEQUENCE: Final = -65538
CLAIM_PURPOSE: Final = -65539
CLAIM_ZONE: Final = -65540
CLAIM_ROLE: Final = -65541
CLAIM_ATTRIBUTES: Final = -65542
CLAIM_KIND: Final = -65543
CLAIM_CODE: Final = -65544
CLAIM_DEPTH: Final = -65545
CLAIM_IDENTITY: Final = -65546
CLAIM_TAMPER: Final = -65547
CLAIM_STATUS: Final = 65535
CLAIM_TIME_TO_LIVE: Final = 65534
CLAIM_STATUS_LIST: Final = 65533
