"""The examples that RFC 8949 published, as transcribed into the vectors."""

import json
import struct
from pathlib import Path
from typing import Any

import cbor2
import pytest

from picosec.errors import ProtocolError
from picosec.messaging import cbor

_FILE = Path(__file__).parents[3] / "vectors" / "v1" / "messaging" / "rfc8949_appendix_a.json"
_CASES = json.loads(_FILE.read_text(encoding="utf-8"))["cases"]
_NAMED = {20: False, 21: True, 22: None, 23: cbor2.undefined}
_ACCEPTED = [case for case in _CASES if "output" in case["expect"]]
_REFUSED = [case for case in _CASES if "error" in case["expect"]]


def _value(published: dict[str, Any]) -> Any:
    ((kind, content),) = published.items()
    match kind:
        case "integer":
            return int(content)
        case "bytes":
            return bytes.fromhex(content)
        case "float":
            return struct.unpack(">d", bytes.fromhex(content))[0]
        case "array":
            return [_value(item) for item in content]
        case "map":
            return {_value(key): _value(item) for key, item in content}
        case "simple":
            return _NAMED[content] if content in _NAMED else cbor2.CBORSimpleValue(content)
        case _:
            return content


@pytest.mark.parametrize("case", _ACCEPTED, ids=lambda case: case["id"])
def test_published_example_is_decoded_and_encoded(case: dict[str, Any]) -> None:
    """The numbers are not ours: they keep both directions honest."""
    encoded = bytes.fromhex(case["inputs"]["data"])
    expected = _value(case["expect"]["output"]["value"])

    decoded = cbor.loads(encoded)

    assert type(decoded) is type(expected)
    assert decoded == expected or decoded != decoded
    assert cbor.dumps(expected) == encoded


@pytest.mark.parametrize("case", _REFUSED, ids=lambda case: case["id"])
def test_published_example_outside_the_profile_is_refused(case: dict[str, Any]) -> None:
    """RFC 8949 also shows what is well-formed, but not deterministic or not wanted here."""
    with pytest.raises(ProtocolError) as refusal:
        cbor.loads(bytes.fromhex(case["inputs"]["data"]))

    assert refusal.value.problem.name.lower() == case["expect"]["error"]
    assert refusal.value.requirement in case["requirements"]


def test_the_whole_appendix_is_transcribed() -> None:
    """None was left out because it did not fit."""
    assert len(_ACCEPTED) == 56
    assert len(_REFUSED) == 25
