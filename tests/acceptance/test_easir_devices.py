"""Devices of EASI'R's users, over HTTP: registered, moved to another user, and detached."""

from __future__ import annotations

from typing import Any, Final

import pytest
from httpx2 import Response

from ledger_projectors.directory.state import DirectoryState
from ledger_schemas.directory_events import DeviceUnregistered

from .easir_requests import wrong_fields
from .serving import EASIR, Served, credential

PATH: Final = "/easir/notifications"


def register(ledger: Served, content: bytes, user: str = "54", token: str = "0a1b:C-_") -> Response:  # noqa: S107 - a device's
    """Register a device."""
    return ledger.client.post(f"{PATH}/devices/{token}", content=content, headers=credential("easir", user=user))


def unregister(ledger: Served, user: str) -> Response:
    """Unregister the device."""
    return ledger.client.delete(f"{PATH}/devices/0a1b:C-_", headers=credential("easir", user=user))


def owners(ledger: Served) -> dict[str, tuple[str, str]]:
    """Return whose each device is, and on which platform, once the directory's events are folded."""
    state = DirectoryState()
    devices = state.with_changes(state.changed_by(ledger.directory_events)).devices
    return {token: (device.recipient_id, device.platform) for (_, token), device in devices.items()}


def stated(ledger: Served) -> list[dict[str, Any]]:
    """Return what the directory was told, without ids and times."""
    return [each.model_dump(exclude={"event_id", "occurred_at"}) for each in ledger.directory_events]


@pytest.mark.acceptance("S5-14")
@pytest.mark.parametrize(
    ("content", "platform"),
    [(b'{"type": "iOS"}', "iOS"), (b'{"type":"Android"}', "Android"), (b"{}", "iOS"), (b"", "iOS")],
)
def test_a_device_is_registered(empty_ledger: Served, content: bytes, platform: str) -> None:
    """For the user, with the token of the path; iOS is the default, with a body or without one."""
    answer = register(empty_ledger, content)
    assert (answer.status_code, answer.content) == (204, b"")
    assert stated(empty_ledger) == [
        {
            "kind": "device_registered",
            "tenant_id": EASIR,
            "actor": "54",
            "recipient_id": "54",
            "device_token": "0a1b:C-_",
            "platform": platform,
        }
    ]


@pytest.mark.acceptance("S5-14")
def test_registering_again_moves_the_device_to_the_new_user(empty_ledger: Served) -> None:
    """It belongs to the user who registered it last, as what that user says it is."""
    assert register(empty_ledger, b"", "54").status_code == 204
    assert owners(empty_ledger) == {"0a1b:C-_": ("54", "iOS")}
    assert register(empty_ledger, b'{"type": "Android"}', "23").status_code == 204
    assert owners(empty_ledger) == {"0a1b:C-_": ("23", "Android")}


@pytest.mark.acceptance("S5-14")
def test_the_documents_own_body_is_malformed(empty_ledger: Served) -> None:
    """It has a trailing comma: 400."""
    answer = register(empty_ledger, b'{\n  "type": "iOS",\n}')
    assert (answer.status_code, answer.json()["errors"]) == (400, {})
    assert not empty_ledger.directory_events


@pytest.mark.acceptance("S5-14")
@pytest.mark.parametrize("content", [b'{"type": "ios"}', b'{"type": "Windows"}', b'{"type": null}', b'{"type": []}'])
def test_another_type_of_device_is_refused(empty_ledger: Served, content: bytes) -> None:
    """The two words are as the document writes them."""
    assert wrong_fields(register(empty_ledger, content)) == ["type"]
    assert not empty_ledger.directory_events


@pytest.mark.acceptance("S5-14")
def test_a_token_beyond_the_limit_is_refused(empty_ledger: Served) -> None:
    """A thousand characters pass."""
    assert register(empty_ledger, b"", token="a" * 1_000).status_code == 204
    assert wrong_fields(register(empty_ledger, b"", token="a" * 1_001)) == ["token"]


@pytest.mark.acceptance("S5-14")
@pytest.mark.parametrize("content", [b"[]", b"null", b'"iOS"'])
def test_a_body_that_is_no_object_registers_nothing(empty_ledger: Served, content: bytes) -> None:
    """JSON's null is a body, and none of the default."""
    assert wrong_fields(register(empty_ledger, content)) == ["body"]
    assert not empty_ledger.directory_events


@pytest.mark.acceptance("S5-15")
def test_a_device_is_detached_from_the_caller_alone(empty_ledger: Served) -> None:
    """Another user's stays that user's; the caller's own is nobody's any more."""
    register(empty_ledger, b"", "54")
    answer = unregister(empty_ledger, "23")
    assert (answer.status_code, answer.content) == (204, b"")
    assert owners(empty_ledger) == {"0a1b:C-_": ("54", "iOS")}
    assert unregister(empty_ledger, "54").status_code == 204
    assert owners(empty_ledger) == {}
    event_put = empty_ledger.directory_events[-1]
    assert isinstance(event_put, DeviceUnregistered)
    assert (event_put.tenant_id, event_put.actor) == (EASIR, "54")


@pytest.mark.acceptance("S5-15")
def test_an_unknown_device_is_detached_too(empty_ledger: Served) -> None:
    """204: it is not the caller's."""
    assert unregister(empty_ledger, "54").status_code == 204
    assert owners(empty_ledger) == {}
