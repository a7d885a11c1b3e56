"""The contract as a page for people: every kind and field, a record byte by byte, ids, limits, refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from ledger_infra.contract.examples import WORKED_KIND
from ledger_infra.contract.field_tables import added_fields, common_fields, fields_table, nested_records, table
from ledger_infra.contract.known_answers import known_answers
from ledger_infra.contract.worked_event import Piece, hex_dump, worked_frame, worked_pieces
from ledger_projectors.log.records import Reason
from ledger_schemas import limits
from ledger_schemas.errors import ContractViolation, LedgerError, LimitExceeded
from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import current_schema, schema_file_name, shipped_schemas

TEMPLATE_FILE: Final = "page.template.md"
"""The sentences of the page; `{{name}}` stands for what is filled in here."""

_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")

_SHOWN_BYTES_MAX: Final = 10
"""A longer piece is shown by its beginning in the table; the dump above it has all of it."""

_SCHEMAS: Final = "../ledger_schemas/avro"

_LIMITS: Final[Mapping[str, str]] = {
    "EVENT_BYTES_MAX": "one encoded event, the frame included",
    "BATCH_EVENTS_MAX": "events of one call of HTTP ingest",
    "INGEST_BYTES_MAX": "the body of one call of HTTP ingest, decoded",
    "BODY_SECONDS_MAX": "how long the body of one call of HTTP ingest may take to arrive",
    "JSON_CONTAINERS_MAX": "arrays and objects in one call of HTTP ingest",
    "JSON_ITEMS_MAX": "items of one array, or names of one object, of an event as JSON",
    "RECIPIENTS_PER_EVENT_MAX": "recipients that one event names; more follow in `audience_added`",
    "CHANNELS_PER_RECIPIENT_MAX": "channels of one recipient, or of an event",
    "GROUPS_PER_EVENT_MAX": "groups of one event",
    "TAGS_PER_EVENT_MAX": "tags of one event, and fields that one `amended` clears",
    "CONTEXTS_PER_EVENT_MAX": "contexts of one event",
    "ID_CHARS_MAX": "an id or a code; at least one character, no control characters",
    "TITLE_CHARS_MAX": "`personal.title`",
    "NAME_CHARS_MAX": "names, the creator's address, a rule of recurrence",
    "BODY_CHARS_MAX": "`personal.body`, `personal.body_formatted`",
    "LINK_CHARS_MAX": "`personal.link`",
    "DETAIL_CHARS_MAX": "`personal.detail`",
    "DATA_BYTES_MAX": "`personal.data`, `personal.addresses`: JSON as text",
    "ATTRIBUTES_BYTES_MAX": "`attributes`: a JSON object as text",
    "DATA_DEPTH_MAX": "nesting of such JSON",
    "TIME_FRACTION_DIGITS_MAX": "digits after the second of a time as text; those beyond microseconds are cut",
    "NUMBER_MAX": "`number`: the largest that every reader of JSON keeps; in a record, any long is read",
    "CLOCK_SKEW_SECONDS_MAX": "how far ahead of the emitter's clock `occurred_at` may lie; the past has no limit",
    "OCCURRED_AT_MICROSECONDS_MIN": "the first instant: 0001-01-01T00:00:00Z",
    "OCCURRED_AT_MICROSECONDS_MAX": "the last instant: 9999-12-31T23:59:59.999999Z",
    "SCHEMA_BYTES_MAX": "one writer schema, as JSON text",
}
"""Of an event and its schema."""

_REFUSALS: Final[Mapping[type[LedgerError], str]] = {
    ContractViolation: "a field is missing, unknown, of another type, longer than its limit, or breaks its rule",
    LimitExceeded: "the encoded event or a call of HTTP ingest is too large, or `occurred_at` lies too far ahead",
}

_QUARANTINE: Final[Mapping[Reason, str]] = {
    Reason.UNDECODABLE: "no value; neither frame; not one whole record of the schema; bytes are left over",
    Reason.SCHEMA_UNKNOWN: "no reader has the schema that the frame names, also after waiting for it; "
    "publish it, and the record is released",
    Reason.KIND_UNKNOWN: "the schema is known, but its record is none of the kinds above",
    Reason.CONTRACT_VIOLATION: "an id is empty, too long or has control characters; a UUID is in another spelling; "
    "a time is outside of the years 1 to 9999; `delivery_ref` without `channel`; a recipient twice, or too many",
    Reason.KEY_MISMATCH: "the key is not the `notification_id` of the event",
    Reason.WRONG_PARTITION: "the record lies in another partition than its key belongs in",
    Reason.CONFLICT: "an event of the same tenant, notification and `event_id` came first, with other folded fields",
}


def contract_page() -> str:
    """Return the page as Markdown."""
    frame = worked_frame()
    answers = known_answers()
    filled = {
        "kinds": _kinds(),
        "envelope_count": f"{len(common_fields())}",
        "envelope": fields_table(common_fields()),
        "records": "\n\n".join(
            f"### {name}\n\n{record['doc']}\n\n{fields_table(record['fields'])}"
            for name, record in nested_records().items()
        ),
        "kind_sections": "\n\n".join(map(_kind_section, Kind)),
        "worked_title": f"`{WORKED_KIND}`, {len(frame)} bytes",
        "worked_dump": hex_dump(frame),
        "worked_pieces": table(
            ("offset", "bytes", "of", "reads as"),
            [(f"{one.offset}", _shown(one), one.part, one.reading) for one in worked_pieces()],
        ),
        "partitions": _answers(answers["partition"]),
        "SCHEMA_BYTES_MAX": f"{limits.SCHEMA_BYTES_MAX:,}",
        "notification_ids": _answers(answers["notification_id"]),
        "created_ids": _answers(answers["created_id"]),
        "event_ids": _answers(answers["event_id"]),
        "inbox_entry_ids": _answers(answers["inbox_entry_id"]),
        "hashed_ids": _answers(answers["hashed_id"]),
        "limits": table(
            ("limit", "value", "of"),
            [(f"`{name}`", f"{getattr(limits, name):,}", said) for name, said in _LIMITS.items()],
        ),
        "refusals": table(
            ("code", "HTTP", "exit", "when"),
            [(f"`{one.code}`", f"{one.status}", f"{one.exit_code}", said) for one, said in _REFUSALS.items()],
        ),
        "quarantine": table(("reason", "when"), [(f"`{reason}`", _QUARANTINE[reason]) for reason in Reason]),
    }
    template = (files(__package__) / TEMPLATE_FILE).read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: filled[place[1]], template)


def _kinds() -> str:
    rows = []
    for kind in Kind:
        added = ", ".join(f"`{field['name']}`" for field in added_fields(kind)) or "nothing"
        rows.append((f"[`{kind}`](#{kind})", current_schema(kind).document["doc"], added))
    return table(("kind", "what it means", "adds to the envelope"), rows)


def _kind_section(kind: Kind) -> str:
    where = "\n".join(
        f"- [`{file}`]({_SCHEMAS}/{file}): `{schema.name}`; a frame begins `c301{schema.fingerprint.hex()}`."
        for schema in shipped_schemas().values()
        if schema.kind == kind
        for file in (schema_file_name(kind, schema.version or 1),)
    )
    added = added_fields(kind)
    fields = fields_table(added) if added else "Adds nothing to the envelope."
    return f"## {kind}\n\n{current_schema(kind).document['doc']}\n\n{where}\n\n{fields}"


def _shown(piece: Piece) -> str:
    if len(piece.raw) <= _SHOWN_BYTES_MAX:
        return f"`{piece.raw.hex(' ')}`"
    return f"`{piece.raw[:_SHOWN_BYTES_MAX].hex(' ')}` … ({len(piece.raw)} bytes)"


def _answers(of: list[dict[str, Any]]) -> str:
    return table(tuple(of[0]), [tuple(map(_value, one.values())) for one in of])


def _value(value: Any) -> str:  # noqa: ANN401 - a vector holds texts, numbers and lists of texts
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return "(empty)" if value == "" else f"`{value}`"
