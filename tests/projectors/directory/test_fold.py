"""The fold of the directory: the order of the log decides, and no repetition changes anything."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from ledger_projectors.directory.state import DirectoryState
from ledger_schemas.directory_events import DirectoryEvent, DirectoryKind

from .building import NOON, TOKENS, stated

FEW: Final = st.sampled_from(["a", "b"])
KINDS: Final[dict[DirectoryKind, dict[str, st.SearchStrategy[Any]]]] = {
    DirectoryKind.KEY_ISSUED: {"key_id": FEW, "key_hash": st.sampled_from(["0" * 64, "1" * 64]), "role": FEW},
    DirectoryKind.KEY_REVOKED: {"key_id": FEW},
    DirectoryKind.TENANT_SETTINGS_CHANGED: {
        "settings": st.dictionaries(FEW, st.sampled_from(["", "x", "y"]), min_size=1)
    },
    DirectoryKind.TEAM_MEMBERS_ADDED: {"team_id": FEW, "recipient_ids": st.lists(FEW, min_size=1)},
    DirectoryKind.TEAM_MEMBERS_REMOVED: {"team_id": FEW, "recipient_ids": st.lists(FEW, min_size=1)},
    DirectoryKind.DEVICE_REGISTERED: {"recipient_id": FEW, "device_token": FEW, "platform": FEW},
    DirectoryKind.DEVICE_UNREGISTERED: {"recipient_id": FEW, "device_token": FEW},
}


@st.composite
def histories(draw: st.DrawFn) -> list[DirectoryEvent]:
    """Draw events that speak of the same few keys, tenants, teams and devices."""
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), max_size=20))
    events = []
    for number, kind in enumerate(kinds):
        own = {} if kind in {DirectoryKind.KEY_ISSUED, DirectoryKind.KEY_REVOKED} else {"tenant_id": draw(FEW)}
        events.append(stated(kind, number, **own, **{name: draw(of) for name, of in KINDS[kind].items()}))
    return events


def folded(events: list[DirectoryEvent], state: DirectoryState | None = None) -> DirectoryState:
    """Fold events at once."""
    before = state or DirectoryState()
    return before.with_changes(before.changed_by(events))


@given(histories(), st.data())
def test_batches_and_repetition_change_nothing(events: list[DirectoryEvent], data: st.DataObject) -> None:
    """One by one, or each repeated any number of times after its first copy, the state is that of the log at once."""
    expected = folded(events)
    state = DirectoryState()
    for index, event in enumerate(events):
        again = data.draw(st.lists(st.sampled_from(events[: index + 1]), max_size=3))
        state = folded([event, *again], state)
    assert state == expected
    assert folded(events, state) == expected


@given(histories())
def test_the_order_of_the_log_decides(events: list[DirectoryEvent]) -> None:
    """A plain reading of the log, event by event, gives the same settings, members and devices."""
    settings: dict[tuple[str, str], str] = {}
    members: set[tuple[str, str, str]] = set()
    devices: dict[tuple[str, str], str] = {}
    for event in events:
        if event.kind is DirectoryKind.TENANT_SETTINGS_CHANGED:
            settings |= {(event.tenant_id, name): value for name, value in event.settings.items()}
        elif event.kind is DirectoryKind.TEAM_MEMBERS_ADDED:
            members |= {(event.tenant_id, event.team_id, one) for one in event.recipient_ids}
        elif event.kind is DirectoryKind.TEAM_MEMBERS_REMOVED:
            members -= {(event.tenant_id, event.team_id, one) for one in event.recipient_ids}
        elif event.kind is DirectoryKind.DEVICE_REGISTERED:
            devices[event.tenant_id, event.device_token] = event.recipient_id
        elif event.kind is DirectoryKind.DEVICE_UNREGISTERED:
            place = (event.tenant_id, event.device_token)
            if devices.get(place) == event.recipient_id:
                del devices[place]
    state = folded(events)
    assert {name: value for name, value in settings.items() if value} == state.settings
    assert members == state.members
    assert devices == {place: device.recipient_id for place, device in state.devices.items()}


def issue(key_id: str, digit: str, number: int) -> DirectoryEvent:
    """Return an event that issues a key with a hash of that digit."""
    return stated(DirectoryKind.KEY_ISSUED, number, key_id=key_id, key_hash=digit * 64, role="operator")


def test_the_first_to_issue_a_key_stands() -> None:
    """A second event with the same key_id changes neither its secret nor its role."""
    assert folded([issue("k", "0", 1), issue("k", "1", 2)]).keys["k"].key_hash == "0" * 64


def test_a_revoked_key_never_holds_again() -> None:
    """Neither after another issue, nor when the revocation stands before it in the log."""
    revoke = stated(DirectoryKind.KEY_REVOKED, 1, key_id="k")
    for events in ([issue("k", "0", 2), revoke, issue("k", "1", 3)], [revoke, issue("k", "0", 2)]):
        assert folded(events).keys["k"].revoked_at == NOON


def test_a_device_has_one_owner() -> None:
    """It is the last one's that registered it, and another's unregistering leaves it there."""
    mine = stated(DirectoryKind.DEVICE_REGISTERED, 1, recipient_id="ann", device_token=TOKENS[0], platform="fcm")
    theirs = stated(DirectoryKind.DEVICE_REGISTERED, 2, recipient_id="bob", device_token=TOKENS[0], platform="fcm")
    gone = stated(DirectoryKind.DEVICE_UNREGISTERED, 3, recipient_id="ann", device_token=TOKENS[0])
    assert folded([mine, theirs, gone]).devices["acme", TOKENS[0]].recipient_id == "bob"
