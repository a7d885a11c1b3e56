"""Land what is new in the contract: a line in the lock for a schema file, golden records for a schema. Only adds.

Run `python -m tests.schemas.land` from the root of a checkout after a file `<kind>.v<version>.avsc` was added. What has
landed is never written again: a difference is for the tests to refuse, and for nobody to repair.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import ledger_schemas
from ledger_schemas import encode_event, limits, parse_event
from ledger_schemas.codec import decode_wire
from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import current_schema, schema_file_name, shipped_schemas

from .published import document, present

AVRO: Final = Path(ledger_schemas.__file__).with_name("avro")
VERSIONS_LOCK: Final = AVRO / "landed.lock"
"""One line per schema file: name, fingerprint as it stands in a frame (hex), sha256 of the file (hex)."""

GOLDEN: Final = Path(__file__).with_name("golden")
MANIFEST: Final = GOLDEN / "landed.lock"
"""One line per file of the corpus: path, sha256 (hex)."""

_FIRST_TIME: Final = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

_DATA: Final = {"order": 7, "lines": [{"sku": "a-1", "price": 1.5}], "note": "Grüße 📦", "none": None, "paid": True}
_TEXTS: Final = {
    "personal.data": json.dumps(_DATA, ensure_ascii=False),
    "personal.addresses": json.dumps({"ann": {"email": "ann@example.com", "sms": "+15550100"}}),
    "attributes": json.dumps({"critical": True, "retries": 2}),
}


def versions() -> dict[str, str]:
    """Return what the lock should say of the schema files that lie in the folder: name -> the rest of its line."""
    names = {schema_file_name(schema.kind, schema.version or 0): schema for schema in shipped_schemas().values()}
    return {name: f"{schema.fingerprint.hex()} {sha256(AVRO / name)}" for name, schema in names.items()}


def corpus(golden: Path = GOLDEN) -> dict[str, str]:
    """Return what the manifest should say of the files of the corpus: path -> sha256."""
    return {path.relative_to(golden).as_posix(): sha256(path) for path in sorted(golden.glob("v*/*"))}


def locked(lock: Path) -> dict[str, str]:
    """Return the lines of a lock: name -> the rest. A name that stands there twice is a ValueError."""
    lines = [line.split(" ", 1) for line in lock.read_text(encoding="ascii").splitlines()] if lock.exists() else []
    if len(lines) != len({name for name, _ in lines}):
        raise ValueError(lock.name)
    return dict(lines)


def sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def minimal_event(kind: Kind) -> dict[str, Any]:
    """Return a document that states what the kind requires and nothing else."""
    required = {field["name"] for field in document(kind)["fields"] if "default" not in field}
    return {"kind": kind, **{name: value for name, value in full_event(kind).items() if name in required}}


def full_event(kind: Kind) -> dict[str, Any]:
    """Return a document that states every field of the kind, each with a value of its own."""
    return {
        "kind": kind,
        **{field["name"]: _value(field, "", n) for n, field in enumerate(document(kind)["fields"], start=1)},
    }


def edge_events() -> dict[tuple[Kind, str], dict[str, Any]]:
    """Return documents at the edges of what the contract allows, by kind and by what is special."""
    first, last = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
    created = minimal_event(Kind.CREATED)
    return {
        (Kind.CREATED, "first-instant"): {**created, "occurred_at": first, "scheduled_at": first, "expires_at": last},
        (Kind.CREATED, "last-instant"): {**created, "occurred_at": last, "number": limits.NUMBER_MAX},
        (Kind.CREATED, "longest-ids"): {
            **created,
            **dict.fromkeys(("tenant_id", "source", "actor", "channel", "delivery_ref"), "é" * limits.ID_CHARS_MAX),
            "tags": ["📦" * limits.ID_CHARS_MAX] * limits.TAGS_PER_EVENT_MAX,
        },
        (Kind.CREATED, "empty-parts"): {
            **created,
            **{name: {} for name in ("personal", "subject", "creator", "template", "schedule", "digest")},
            "attributes": "{}",
        },
        (Kind.CREATED, "empty-texts"): {**created, "personal": {"title": "", "body": "", "link": "", "data": '""'}},
        (Kind.CREATED, "any-character"): {**created, "personal": {"title": "\0\n\r\t\x7f\u2028\ufeff\ufffd\U0010ffff"}},
        (Kind.CREATED, "many-recipients"): {
            **created,
            "audience": [{"recipient_id": f"r-{n}", "role": ("to", "cc")[n % 2]} for n in range(200)],
        },
        (Kind.FIRED, "before-1970"): {**minimal_event(Kind.FIRED), "occurred_at": "1969-12-31T23:59:59.999999Z"},
        (Kind.FIRED, "at-1970"): {**minimal_event(Kind.FIRED), "occurred_at": "1970-01-01T00:00:00Z"},
        (Kind.OPENED, "by-a-machine"): {**minimal_event(Kind.OPENED), "automated": True, "provider": "sendgrid"},
        (Kind.AMENDED, "all-cleared"): {
            **minimal_event(Kind.AMENDED),
            "cleared": ["personal", "tags", "subject", "scheduled_at"],
        },
        (Kind.AUDIENCE_ADDED, "one"): {
            **minimal_event(Kind.AUDIENCE_ADDED),
            "audience": [{"recipient_id": "zoë", "role": "cc", "channels": ["in_app"]}],
        },
    }


def _value(field: dict[str, Any], path: str, number: int) -> Any:  # noqa: ANN401 - any field
    """Return the value number so and so of a field, at its dotted path."""
    here = f"{path}{field['name']}"
    if here in _TEXTS:
        return _TEXTS[here]
    if here == "cleared":
        return ["reason", "personal"]
    return _of_type(present(field["type"]), here, number)


def _of_type(node: Any, here: str, number: int) -> Any:  # noqa: ANN401 - a schema is any JSON
    simple = {
        "string": f"{here} {number}",
        "boolean": True,
        "long": limits.NUMBER_MAX,
        "uuid": f"019b7c1f-0001-7000-8000-{number:012x}",
        "timestamp-micros": (_FIRST_TIME + timedelta(seconds=number, microseconds=number)).isoformat(),
    }
    name = node.get("logicalType") if isinstance(node, dict) else node
    if name in simple:
        return simple[name]
    match node:
        case {"type": "array", "items": items}:
            return [_of_type(items, here, 10 * number + place) for place in range(2)]
        case {"type": "record", "fields": inner}:
            return {field["name"]: _value(field, f"{here}.", number) for field in inner}
    raise NotImplementedError(here)  # A type that the contract did not have: it needs a value here.


def _records() -> dict[str, bytes]:
    """Return the frames that the corpus should have of the current schema of every kind, by path without suffix."""
    documents = {(kind, "minimal"): minimal_event(kind) for kind in Kind}
    documents |= {(kind, "full"): full_event(kind) for kind in Kind}
    documents |= edge_events()
    return {
        f"v{current_schema(kind).version}/{kind}-{special}": encode_event(parse_event(stated))
        for (kind, special), stated in documents.items()
    }


def append_lines(lock: Path, there: dict[str, str]) -> None:
    """Append the lines that a lock lacks."""
    landed = locked(lock)
    lines = [f"{name} {rest}\n" for name, rest in there.items() if name not in landed]
    with lock.open("a", encoding="ascii", newline="\n") as out:
        out.writelines(lines)


def land(golden: Path = GOLDEN, versions_lock: Path = VERSIONS_LOCK) -> None:
    """Write the records and the lines that are missing, and nothing over what is there."""
    for path, frame in _records().items():
        record = golden / f"{path}.bin"
        if record.exists():
            continue
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_bytes(frame)
        wire = decode_wire(frame)
        meaning = json.dumps({"kind": wire.kind, "values": wire.values}, indent=1, ensure_ascii=False)
        record.with_suffix(".json").write_text(f"{meaning}\n", encoding="utf-8", newline="\n")
    append_lines(versions_lock, versions())
    append_lines(golden / MANIFEST.name, corpus(golden))


if __name__ == "__main__":
    land()
