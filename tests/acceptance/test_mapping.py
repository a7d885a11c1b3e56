from itertools import chain

import pytest

from ledger_schemas.kinds import Kind
from tests.schemas.published import document, fields

from .answer_fields import answer_fields
from .documents import DOCUMENTS
from .mapping import (
    ACCEPTANCE,
    MAPPING,
    VENDORS,
    Mapping,
    acceptance_ids,
    columns,
    leaves,
    listed_fields,
    mapping,
    row_of,
    sample_leaves,
)

EXPLAINED = {"derived", "directory"}
"""Places that are no path: they need a note that says how, or what of it."""

JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}

each_vendor = pytest.mark.parametrize("vendor", VENDORS)


def ledger_paths() -> set[str]:
    """Return every field of every kind's current schema, as kind.path."""
    return {f"{kind}.{path}" for kind in Kind for path, _ in fields(document(kind))}


def free_form(of: Mapping) -> set[str]:
    """Return the data keys that hold whatever there is."""
    return {key.ledger for key in of.data_key if key.type in {"object", "array"}}


def test_there_is_a_mapping_for_each_vendor() -> None:
    """The files, the vendors and the names inside are the same."""
    assert {f"{vendor}.toml" for vendor in VENDORS} | {"README.md"} == {path.name for path in MAPPING.iterdir()}
    assert list(VENDORS) == [mapping(vendor).vendor for vendor in VENDORS]


def test_the_acceptance_table_is_whole() -> None:
    """Five tables; each id once, beginning with its vendor's number, without a gap."""
    ids = acceptance_ids()
    assert len(ids) == len(set(ids))
    text = ACCEPTANCE.read_text(encoding="utf-8")
    for vendor, prefix in VENDORS.items():
        numbers = sorted(int(row.split("-")[1]) for row in ids if row.startswith(prefix))
        assert list(range(1, len(numbers) + 1)) == numbers, vendor
        assert f"## Dialect `{vendor}`" in text


@each_vendor
def test_every_row_of_the_acceptance_table_is_carried(vendor: str) -> None:
    """By a field or as behaviour, in the vendor's own file; and no row is named that the table does not have."""
    of = mapping(vendor)
    named = [entry.acceptance for entry in of.field] + [entry.acceptance for entry in of.behaviour]
    assert {row for row in acceptance_ids() if row.startswith(f"{VENDORS[vendor]}-")} == {*chain(*named)}
    assert all(named)


@each_vendor
def test_every_ledger_path_exists(vendor: str) -> None:
    """In the current schema of its kind, among the read model's columns, or as a documented key of free-form data."""
    of = mapping(vendor)
    known = ledger_paths() | columns() | {key.ledger for key in of.data_key} | EXPLAINED
    for row in of.field:
        assert row.ledger, row.vendor
        assert len(row.ledger) == len(set(row.ledger)), row.vendor
        assert set(row.ledger) <= known, row.vendor
        assert row.note or not EXPLAINED & set(row.ledger), row.vendor


def test_kinds_and_tables_share_no_name() -> None:
    """So that a path says by itself whether an event or a read model has it."""
    assert not {path.split(".")[0] for path in columns()} & set(Kind)
    assert {"notifications.first_fired_at", "inbox_entries.is_read", "contents.number"} <= columns()


@each_vendor
def test_a_data_key_is_documented_once_and_used(vendor: str) -> None:
    """Below personal.data or attributes of a kind: nowhere else is anything free-form."""
    of = mapping(vendor)
    keys = [key.ledger for key in of.data_key]
    assert len(keys) == len(set(keys))
    assert set(keys) == {path for row in of.field for path in row.ledger if "#" in path}
    places = {f"{kind}.{place}" for kind in Kind for place in ("personal.data", "attributes")}
    for key in of.data_key:
        place, name = key.ledger.split("#")
        assert place in places, key.ledger
        assert name.isidentifier(), key.ledger
        assert key.doc.endswith("."), key.ledger


def test_an_amended_states_a_record_whole() -> None:
    """Each row that names a part of a record of amended says that all parts of the record come with it."""
    found = set()
    rows = [row for vendor in VENDORS for row in mapping(vendor).field]
    for row, place in [(each, place) for each in rows for place in each.ledger]:
        match place.split("."):
            case [Kind.AMENDED, record, _]:
                assert f"An amended states {record} whole" in row.note, row.vendor
                found.add(row.vendor)
    assert found == {"entityStatus", "title", "message"}


def test_the_handle_of_a_contact_is_an_id() -> None:
    """Realtime Register's processIdentifier lies outside of personal, and its note says why it may."""
    (row,) = (row for row in mapping("realtimeregister").field if row.vendor == "processIdentifier")
    assert row.ledger == ["created.subject.id"]
    assert "An id, not a name" in row.note


@each_vendor
def test_a_vendors_field_has_one_row(vendor: str) -> None:
    """One field, one place, or several in an order; never two answers."""
    named = [row.vendor for row in mapping(vendor).field]
    assert len(named) == len(set(named))


@each_vendor
def test_every_leaf_of_the_samples_is_mapped(vendor: str) -> None:
    """Each value of each sample notification has a row of its own, or lies in free-form data that is kept whole."""
    of = mapping(vendor)
    for path, value in sample_leaves(vendor):
        below = value in ([], {}) and any(row.vendor.startswith((f"{path}.", f"{path}[]")) for row in of.field)
        assert below or row_of(of.field, path, free_form(of)), path


@each_vendor
def test_every_field_of_the_vendors_documents_is_mapped(vendor: str) -> None:
    """Each that the documents list, and each of the siblings that the acceptance table names."""
    of = mapping(vendor)
    assert [path for path in listed_fields(vendor) if not row_of(of.field, path, free_form(of))] == []


@each_vendor
def test_no_vendor_field_is_invented(vendor: str) -> None:
    """Each row is for a field of the vendor's documents or samples, or for all that lies below it."""
    real = {*listed_fields(vendor), *(path for path, _ in sample_leaves(vendor))}
    for row in mapping(vendor).field:
        assert any(path == row.vendor or path.startswith((f"{row.vendor}.", f"{row.vendor}[")) for path in real), (
            row.vendor
        )


@each_vendor
def test_a_data_key_has_the_type_of_the_samples(vendor: str) -> None:
    """What stands in a sample under a field that is kept as one key has the JSON type that is documented."""
    of = mapping(vendor)
    types = {key.ledger: key.type for key in of.data_key}
    rows = {row.vendor: types[place] for row in of.field for place in row.ledger if place in types}
    for path, value in sample_leaves(vendor):
        if path in rows and value is not None and rows[path] not in {"object", "array"}:
            assert rows[path] == JSON_TYPES[type(value)], path


@each_vendor
def test_every_field_of_a_notification_is_shown_by_a_document(vendor: str) -> None:
    """So that tests of an answer to each document miss none of the fields that the vendor documents."""
    documents = [sample.row for sample in DOCUMENTS if sample.vendor == vendor]
    for each in answer_fields(vendor):
        if "/" not in each.name:
            assert any(
                each.stands_in(answer)
                for row in documents
                for answer in (row, [row], {"data": [row]}, {"notificationEvents": [row]})
            ), each.name


def test_leaves_are_values_and_empty_containers() -> None:
    """What the tests above walk over: every value with its path, and an empty list or object as itself."""
    walked = list(leaves({"a": {"b": [1, {"c": None}]}, "d": [], "e": {}, "f": [[True]]}))
    assert walked == [("a.b[]", 1), ("a.b[].c", None), ("d[]", []), ("e", {}), ("f[][]", True)]


def test_a_row_maps_what_is_below_it_only_if_it_is_kept_whole() -> None:
    """customFields.region.code lies in customFields, but createdBy.phone would lie nowhere."""
    of = mapping("suger")
    found = row_of(of.field, "customFields.region.code", free_form(of))
    assert found is not None
    assert found.vendor == "customFields"
    assert row_of(of.field, "createdBy.phone", free_form(of)) is None
    assert row_of(of.field, "title.short", free_form(of)) is None
    assert row_of(of.field, "customFieldsToo", free_form(of)) is None
