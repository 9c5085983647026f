"""What is measured of status lists is a list as the chapter has it, taken and used."""

import pytest

from picosec.errors import ProtocolError
from picosec.identity.status_lists import HeldList
from picosec_conformance.bench import status


def test_list_that_is_measured_is_taken() -> None:
    """A rate of refusals, or the size of another list, would say nothing."""
    held = status.contenders()["taken"]()

    assert isinstance(held, HeldList)
    assert sum(held.entries.entry(place) or 0 for place in range(status.ENTRIES)) == status.REVOKED
    assert held.entries.entry(status.ENTRIES) is None


def test_credentials_that_are_judged_stand_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them taken back, each is refused: so each of them is looked up."""
    monkeypatch.setattr(status, "_places", lambda: range(status.ENTRIES))
    monkeypatch.setattr(status, "_SHOWN", status.ENTRIES + 1)
    judged = status.contenders()["judged"]

    with pytest.raises(ProtocolError, match="IDN-250"):
        judged()
