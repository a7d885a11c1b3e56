"""The mirror: who is let in, by what the directory said last; and nobody before it was read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pytest

from ledger_projectors.directory.mirror import DirectoryMirror
from ledger_projectors.directory.state import DirectoryState
from ledger_schemas.access import Caller, Directory, Role
from ledger_schemas.credentials import new_key
from ledger_schemas.directory_events import DirectoryEvent, DirectoryKind
from ledger_schemas.errors import DirectoryUnread, Unauthenticated

from .building import NOON, issued, revoked, stated

KEY: Final = new_key()
LOCAL: Final = new_key().credential


def mirror_of(events: Sequence[DirectoryEvent], **options: object) -> DirectoryMirror:
    """Return a mirror that has read the events, at noon."""
    mirror = DirectoryMirror(clock=lambda: NOON, **options)  # type: ignore[arg-type] # its own options
    mirror.replace(DirectoryState().with_changes(DirectoryState().changed_by(events)))
    mirror.open()
    return mirror


def test_nobody_is_let_in_before_the_directory_was_read() -> None:
    """With a key, without one, and for what it says of tenants: a directory that was not read is no empty one."""
    mirror: Directory = DirectoryMirror(operator_secret=LOCAL)
    for ask in (
        lambda: mirror.authenticate(None),
        lambda: mirror.authenticate(LOCAL),
        mirror.has_keys,
        lambda: mirror.tenant_settings("acme"),
        lambda: mirror.team_members("acme", "support"),
    ):
        with pytest.raises(DirectoryUnread):
            ask()


def test_without_any_key_whoever_asks_is_the_operator() -> None:
    """A credential is wrong all the same: no key was ever issued."""
    mirror = mirror_of([])
    assert Caller(Role.OPERATOR) == mirror.authenticate(None)
    assert not mirror.has_keys()
    with pytest.raises(Unauthenticated):
        mirror.authenticate(KEY.credential)


@pytest.mark.parametrize(
    ("event", "caller"),
    [
        (issued(KEY), Caller(Role.OPERATOR, None, None, KEY.key_id)),
        (issued(KEY, "analyst", tenant_id="acme"), Caller(Role.ANALYST, "acme", None, KEY.key_id)),
        (
            issued(KEY, "person", tenant_id="acme", recipient_id="ann"),
            Caller(Role.PERSON, "acme", "ann", KEY.key_id),
        ),
        (issued(KEY, expires_at=NOON + timedelta(microseconds=1)), Caller(Role.OPERATOR, None, None, KEY.key_id)),
    ],
)
def test_a_key_names_its_caller(event: DirectoryEvent, caller: Caller) -> None:
    """Role, tenant and recipient are those that it was issued with; it holds until it expires."""
    assert caller == mirror_of([event]).authenticate(KEY.credential)


@pytest.mark.parametrize(
    "events",
    [
        [issued(KEY), revoked(KEY)],
        [issued(KEY, expires_at=NOON)],
        [issued(KEY, "of a later version", tenant_id="acme")],
        [issued(KEY, "operator", tenant_id="acme")],
        [issued(KEY, "person", tenant_id="acme")],
        [issued(KEY, "analyst")],
        [issued(new_key())],
        [issued(new_key()), revoked(KEY)],
    ],
    ids=["revoked", "expired", "role unknown", "operator of one", "person of none", "no tenant", "unknown", "no hash"],
)
def test_a_key_that_does_not_hold_is_refused(events: Sequence[DirectoryEvent]) -> None:
    """Whatever the reason, with the same words as none at all; and the directory still has keys."""
    mirror = mirror_of(events)
    words = set()
    for credential in (KEY.credential, None, "", "nl", "nl__", f"nl_{KEY.key_id}_", f"x{KEY.credential}", "é"):
        with pytest.raises(Unauthenticated) as refused:
            mirror.authenticate(credential)
        words.add(str(refused.value))
    assert len(words) == 1
    assert mirror.has_keys()


def test_a_revoked_key_is_refused_before_its_revocation_is_committed() -> None:
    """Also when the tables are shown meanwhile without it; every other key holds."""
    other = new_key()
    state = DirectoryState().with_changes(DirectoryState().changed_by([issued(KEY), issued(other)]))
    mirror = mirror_of([issued(KEY), issued(other)])
    mirror.revoke([KEY.key_id])
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            mirror.authenticate(KEY.credential)
        assert mirror.authenticate(other.credential).role is Role.OPERATOR
        mirror.replace(state)


@pytest.mark.parametrize(
    ("events", "unreadable"), [([], True), ([revoked(KEY)], False)], ids=["unreadable", "revocation alone"]
)
def test_a_directory_that_may_have_issued_keys_is_no_empty_one(
    events: Sequence[DirectoryEvent],
    unreadable: bool,  # noqa: FBT001 - one of the cases
) -> None:
    """A record that cannot be read may be the first key: without a credential no caller is let in."""
    mirror = mirror_of([], operator_secret=LOCAL)
    mirror.replace(DirectoryState().with_changes(DirectoryState().changed_by(events)), unreadable=unreadable)
    with pytest.raises(Unauthenticated):
        mirror.authenticate(None)
    assert mirror.has_keys()
    assert Caller(Role.OPERATOR) == mirror.authenticate(LOCAL)


def test_another_secret_under_a_known_id_is_refused() -> None:
    """The id alone opens nothing, and neither does the hash."""
    mirror = mirror_of([issued(KEY)])
    for secret in (KEY.key_hash, new_key().credential.rpartition("_")[2]):
        with pytest.raises(Unauthenticated):
            mirror.authenticate(f"nl_{KEY.key_id}_{secret}")


def test_the_secret_of_the_process_is_an_operators() -> None:
    """With keys and without, and only that very text; another process has another."""
    for events in ([], [issued(KEY)]):
        mirror = mirror_of(events, operator_secret=LOCAL)
        assert Caller(Role.OPERATOR) == mirror.authenticate(LOCAL)
        with pytest.raises(Unauthenticated):
            mirror.authenticate(LOCAL + "2")


def test_settings_and_teams_are_those_of_the_tenant() -> None:
    """Sorted members, an empty value removes a setting, and another tenant's are not there."""
    mirror = mirror_of(
        [
            stated(DirectoryKind.TENANT_SETTINGS_CHANGED, settings={"a": "1", "b": "2"}),
            stated(DirectoryKind.TENANT_SETTINGS_CHANGED, settings={"b": ""}),
            stated(DirectoryKind.TEAM_MEMBERS_ADDED, team_id="support", recipient_ids=["bob", "ann"]),
        ]
    )
    assert mirror.tenant_settings("acme") == {"a": "1"}
    assert mirror.team_members("acme", "support") == ("ann", "bob")
    assert (mirror.tenant_settings("other"), mirror.team_members("other", "support")) == ({}, ())
