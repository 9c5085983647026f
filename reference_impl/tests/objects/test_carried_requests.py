"""The request in an object: read as it was written, or refused as a whole."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from object_scene import STATEMENT

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects.request import CarriedRequest, read_request
from picosec.registry import Problem

REQUESTS = st.builds(
    CarriedRequest,
    code=st.integers(min_value=1, max_value=31),
    path=st.text(max_size=40),
    content_format=st.none() | st.integers(min_value=0, max_value=0xFFFF),
    payload=st.binary(max_size=100),
)


@given(REQUESTS)
def test_what_was_written_is_read(request):
    assert read_request(replace(STATEMENT, content=request.encode())) == request


@given(REQUESTS, st.integers(min_value=0, max_value=0xFFFF).filter(lambda number: number != 60))
def test_contents_of_another_format_are_none(request, content_format):
    """Bytes that happen to read as a request, of somebody who said that they are something else."""
    with pytest.raises(ProtocolError) as refused:
        read_request(replace(STATEMENT, content=request.encode(), content_format=content_format))

    assert refused.value.problem is Problem.MALFORMED


@given(
    st.lists(st.none() | st.booleans() | st.integers(-40, 70000) | st.text(max_size=3) | st.binary(max_size=3))
    | st.dictionaries(st.integers(0, 3), st.integers(0, 3))
)
def test_what_is_no_request_is_refused(value):
    """Of each member the type and the range; true is not 1, and false is no format."""
    fits = (
        isinstance(value, list)
        and [type(member) for member in value] in ([int, str, int, bytes], [int, str, type(None), bytes])
        and 0 < value[0] < 32
        and (value[2] is None or 0 <= value[2] <= 0xFFFF)
    )
    said = replace(STATEMENT, content=cbor.dumps(value))
    if fits:
        assert read_request(said).payload == value[3]
    else:
        with pytest.raises(ProtocolError):
            read_request(said)
