"""The contract of the directory: its schemas and bytes only grow, and what is no event of it is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import avro.io
import avro.schema
import pytest

from ledger_schemas import encode_event, limits, parse_event
from ledger_schemas.credentials import hash_secret, is_secret, new_key, split_credential
from ledger_schemas.directory_codec import (
    PERSONAL,
    current_directory_schema,
    decode_directory_event,
    directory_schemas,
    encode_directory_event,
)
from ledger_schemas.directory_events import DirectoryKind, parse_directory_event
from ledger_schemas.errors import BadRequest, ContractViolation, LedgerError, SchemaUnknown, Undecodable
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.schema_topic import read_binding
from ledger_schemas.tenant_settings import check_settings

from .avro_by_hand import canonical_form, crc_64_avro
from .compatibility import refusals_of_kind
from .history import lost_lines, say_if_shallow
from .land import locked, minimal_event, sha256
from .land_directory import FOLDER, GOLDEN, LOCK, MANIFEST, documents, frames, versions
from .published import fields

HEADER_BYTES = 10

each_record = pytest.mark.parametrize("path", sorted(GOLDEN.glob("v*/*.bin")), ids=lambda path: path.stem)


@each_record
def test_a_golden_record_reads_as_it_did(path: Path) -> None:
    """By our codec, and by Apache Avro with the schema that its frame names."""
    frame = path.read_bytes()
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert expected == decode_directory_event(frame).model_dump(mode="json")
    writer = directory_schemas()[frame[2:HEADER_BYTES]]
    schemas = [avro.schema.parse(json.dumps(one.parsed)) for one in (writer, current_directory_schema(writer.kind))]
    values: Any = avro.io.DatumReader(*schemas).read(avro.io.BinaryDecoder(io.BytesIO(frame[HEADER_BYTES:])))
    told = values.pop("personal", {}) | values
    assert {name for name in expected if name not in {"kind", *told}} == set()
    assert all(told[name] == expected[name] for name in expected if name not in {"kind", "occurred_at", "expires_at"})


@pytest.mark.parametrize(("path", "frame"), frames().items())
def test_an_event_is_written_the_same_today(path: str, frame: bytes) -> None:
    """Encoding is deterministic: the corpus has these very bytes."""
    assert frame == (GOLDEN / f"{path}.bin").read_bytes()


def test_what_landed_is_as_it_landed() -> None:
    """Schemas and corpus are those of their locks, and no commit has taken a line from either."""
    assert versions() == locked(LOCK)
    assert {path.name for path in FOLDER.glob("*.avsc")} == set(versions())
    corpus = {path.relative_to(GOLDEN).as_posix(): sha256(path) for path in GOLDEN.glob("v*/*")}
    assert corpus == locked(MANIFEST)
    assert lost_lines(LOCK) | lost_lines(MANIFEST) == set()
    say_if_shallow(LOCK)


@pytest.mark.parametrize("kind", DirectoryKind)
def test_every_version_reads_every_other(kind: DirectoryKind) -> None:
    """FULL_TRANSITIVE, as of the lifecycle's kinds; the fingerprint is that of the specification by hand."""
    shipped = {one.version: json.loads(one.text) for one in directory_schemas().values() if one.kind == kind}
    assert sorted(shipped) == list(range(1, len(shipped) + 1))
    assert refusals_of_kind(kind, shipped) == []
    for document in shipped.values():
        assert crc_64_avro(canonical_form(document)) in directory_schemas()
        assert (document["kind"], document["name"]) == (kind, kind.record_name)


@pytest.mark.parametrize("kind", DirectoryKind)
def test_a_model_has_the_fields_of_its_schema(kind: DirectoryKind) -> None:
    """Each field of the model is in the .avsc, and device tokens lie in the personal record, and nowhere else."""
    document = json.loads(current_directory_schema(kind).text)
    stated = {path.removeprefix("personal."): field for path, field in fields(document)}
    model = type(parse_directory_event(documents()[kind, "minimal"]))
    assert {*model.model_fields} - {"kind"} == {*stated} - {"personal", "personal_key_id"}
    assert {path for path, field in fields(document) if field.get("personal")} == (
        {"personal", *(f"personal.{name}" for name in PERSONAL)} if "personal" in stated else set()
    )
    assert not any("token" in path for path, _ in fields(document) if not path.startswith("personal."))


@pytest.mark.parametrize("kind", DirectoryKind)
def test_a_schema_can_stand_in_the_schema_topic(kind: DirectoryKind) -> None:
    """Under its fingerprint, as the emitter publishes it."""
    binding = current_directory_schema(kind).binding
    assert read_binding(binding.key, binding.value) == binding


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (b"", Undecodable),
        (b"junk", Undecodable),
        (b"\x00\x00\x00\x00\x07junk", SchemaUnknown),
        (encode_event(parse_event(minimal_event("read"))), SchemaUnknown),  # type: ignore[arg-type] # its value
        (next(iter(frames().values())) + b"\x00", Undecodable),
        (next(iter(frames().values()))[:-1], Undecodable),
        (header_of(SchemaReference.to_fingerprint(b"\x00" * 8)), SchemaUnknown),
    ],
)
def test_what_is_no_event_is_refused(frame: bytes, error: type[LedgerError]) -> None:
    """Nothing, junk, another frame, another topic's event, one that is cut or goes on, and an unknown schema."""
    with pytest.raises(error):
        decode_directory_event(frame)


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        (DirectoryKind.TEAM_MEMBERS_ADDED, {"recipient_ids": []}, "recipient_ids"),
        (
            DirectoryKind.TEAM_MEMBERS_ADDED,
            {"recipient_ids": ["r"] * (limits.RECIPIENTS_PER_EVENT_MAX + 1)},
            "recipient_ids",
        ),
        (DirectoryKind.TEAM_MEMBERS_ADDED, {"tenant_id": None}, "tenant_id"),
        (DirectoryKind.KEY_ISSUED, {"key_hash": "5E" * 32}, "key_hash"),
        (DirectoryKind.DEVICE_REGISTERED, {"device_token": ""}, "device_token"),
        (DirectoryKind.TENANT_SETTINGS_CHANGED, {"settings": {}}, "settings"),
    ],
)
def test_an_event_that_breaks_a_rule_is_not_written(kind: DirectoryKind, change: dict[str, Any], field: str) -> None:
    """A model that was copied was never checked: the codec does, names the field, and does not repeat the value."""
    event = parse_directory_event(documents()[kind, "full"]).model_copy(update=change)
    with pytest.raises(ContractViolation) as refused:
        encode_directory_event(event)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("kind", "change", "limit"),
    [
        (
            DirectoryKind.DEVICE_REGISTERED,
            {"device_token": "t" * (limits.DEVICE_TOKEN_CHARS_MAX + 1)},
            "DEVICE_TOKEN_CHARS_MAX",
        ),
        (DirectoryKind.DEVICE_REGISTERED, {"recipient_id": "r" * (limits.ID_CHARS_MAX + 1)}, "ID_CHARS_MAX"),
        (
            DirectoryKind.TENANT_SETTINGS_CHANGED,
            {"settings": {"novu.envelope": "x" * (limits.SETTING_CHARS_MAX + 1)}},
            "SETTING_CHARS_MAX",
        ),
        (
            DirectoryKind.TENANT_SETTINGS_CHANGED,
            {"settings": {f"s{number}": "x" for number in range(limits.SETTINGS_PER_EVENT_MAX + 1)}},
            "SETTINGS_PER_EVENT_MAX",
        ),
        (
            DirectoryKind.TEAM_MEMBERS_ADDED,
            {"recipient_ids": [f"r{number}" for number in range(limits.RECIPIENTS_PER_EVENT_MAX + 1)]},
            "RECIPIENTS_PER_EVENT_MAX",
        ),
    ],
)
def test_a_limit_of_the_directory_is_named_with_its_value(
    kind: DirectoryKind, change: dict[str, Any], limit: str
) -> None:
    """Whoever passes it by one learns its name and its size."""
    with pytest.raises(ContractViolation, match=f"{limit} = {getattr(limits, limit)}"):
        parse_directory_event({**documents()[kind, "full"], **change})


def test_a_key_has_256_random_bits_and_comes_back() -> None:
    """Two are never the same; only the secret has the hash; the credential is in no representation."""
    keys = [new_key() for _ in range(50)]
    assert len({key.credential for key in keys}) == len({key.key_id for key in keys}) == len(keys)
    for key in keys:
        found = split_credential(key.credential)
        assert found is not None
        key_id, secret = found
        assert (key_id, hash_secret(secret)) == (key.key_id, key.key_hash)
        assert len(secret) == 43  # 256 bits in base64
        assert is_secret(secret, key.key_hash)
        assert not is_secret(secret + "x", key.key_hash)
        assert not is_secret("", None)
        assert secret not in repr(key)


@pytest.mark.parametrize("text", ["", "nl", "nl_", "nl_a", "nl_a_", "nl__b", "xx_a_b"])
def test_what_is_no_credential_has_no_parts(text: str) -> None:
    """Another prefix, and one without an id or a secret."""
    assert split_credential(text) is None


def test_tenant_settings_are_known_names_with_valid_values() -> None:
    """An empty value removes one; an unknown name, and a value of another form, are refused with the name."""
    check_settings({"novu.environment_id": "6a" * 12, "novu.organization_id": "", "novu.envelope": "data"})
    for settings, field in (
        ({"novu.envelope": "bare"}, "novu.envelope"),
        ({"colour": "red"}, "settings"),
        ({"novu.environment_id": "6A" * 12}, "novu.environment_id"),
    ):
        with pytest.raises(BadRequest) as refused:
            check_settings(settings)
        assert refused.value.field == field
