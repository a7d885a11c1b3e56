"""Land what is new in the directory's contract: as `land`, for the schemas in `avro/directory`. Only adds.

Run `python -m tests.schemas.land_directory` from the root of a checkout.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from ledger_schemas.directory_codec import (
    current_directory_schema,
    decode_directory_event,
    directory_schema_file_name,
    directory_schemas,
    encode_directory_event,
)
from ledger_schemas.directory_events import DirectoryKind, parse_directory_event

from .land import AVRO, append_lines, sha256

FOLDER: Final = AVRO / "directory"
LOCK: Final = FOLDER / "landed.lock"
"""One line per schema file: name, fingerprint as it stands in a frame (hex), sha256 of the file (hex)."""

GOLDEN: Final = Path(__file__).with_name("golden_directory")
MANIFEST: Final = GOLDEN / "landed.lock"

_ID: Final = "019b7c1f-0001-7000-8000-00000000000"
_AT: Final = "2026-01-02T03:04:05.678901Z"

_REQUIRED: Final[dict[DirectoryKind, dict[str, Any]]] = {
    DirectoryKind.KEY_ISSUED: {"key_id": "0123456789abcdef", "key_hash": "5e" * 32, "role": "operator"},
    DirectoryKind.KEY_REVOKED: {"key_id": "0123456789abcdef"},
    DirectoryKind.TENANT_SETTINGS_CHANGED: {"tenant_id": "acme", "settings": {"novu.environment_id": "6a" * 12}},
    DirectoryKind.TEAM_MEMBERS_ADDED: {"tenant_id": "acme", "team_id": "support", "recipient_ids": ["ann", "zoë"]},
    DirectoryKind.TEAM_MEMBERS_REMOVED: {"tenant_id": "acme", "team_id": "support", "recipient_ids": ["ann"]},
    DirectoryKind.DEVICE_REGISTERED: {
        "tenant_id": "acme",
        "recipient_id": "ann",
        "device_token": "📱 token",
        "platform": "apns",
    },
    DirectoryKind.DEVICE_UNREGISTERED: {"tenant_id": "acme", "recipient_id": "ann", "device_token": "📱 token"},
}
_OPTIONAL: Final[dict[DirectoryKind, dict[str, Any]]] = {
    DirectoryKind.KEY_ISSUED: {
        "tenant_id": "acme",
        "recipient_id": "ann",
        "label": "Ann's phone",
        "expires_at": "2027-01-02T03:04:05.678901Z",
    },
    DirectoryKind.KEY_REVOKED: {"tenant_id": "acme"},
}


def documents() -> dict[tuple[DirectoryKind, str], dict[str, Any]]:
    """Return of each kind a document that states the least, and one that states every field."""
    found = {}
    for number, kind in enumerate(DirectoryKind):
        least = {"kind": kind, "event_id": f"{_ID}{number}", "occurred_at": _AT, **_REQUIRED[kind]}
        found[kind, "minimal"] = least
        found[kind, "full"] = {**least, "actor": "command-line", **_OPTIONAL.get(kind, {})}
    return found


def frames() -> dict[str, bytes]:
    """Return the frames that the corpus should have of the current schema of every kind, by path without suffix."""
    return {
        f"v{current_directory_schema(kind).version}/{kind}-{special}": encode_directory_event(
            parse_directory_event(stated)
        )
        for (kind, special), stated in documents().items()
    }


def versions() -> dict[str, str]:
    """Return what the lock should say of the schema files that lie in the folder."""
    names = {directory_schema_file_name(one.kind, one.version): one for one in directory_schemas().values()}
    return {name: f"{one.fingerprint.hex()} {sha256(FOLDER / name)}" for name, one in names.items()}


def land() -> None:
    """Write the records and the lines that are missing, and nothing over what is there."""
    for path, frame in frames().items():
        record = GOLDEN / f"{path}.bin"
        if record.exists():
            continue
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_bytes(frame)
        meaning = decode_directory_event(frame).model_dump(mode="json")
        text = json.dumps(meaning, indent=1, ensure_ascii=False)
        record.with_suffix(".json").write_text(f"{text}\n", encoding="utf-8", newline="\n")
    append_lines(LOCK, versions())
    append_lines(MANIFEST, {path.relative_to(GOLDEN).as_posix(): sha256(path) for path in sorted(GOLDEN.glob("v*/*"))})


if __name__ == "__main__":
    land()
