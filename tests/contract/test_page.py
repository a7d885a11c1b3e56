import re

import pytest
from aiokafka.partitioner import murmur2

from ledger_infra.contract import contract_page, frame_picture
from ledger_infra.contract.examples import example_event
from ledger_infra.contract.worked_event import worked_frame, worked_pieces
from ledger_producers.cloud_events import cloud_event_headers
from ledger_projectors.log.records import Reason
from ledger_schemas import limits
from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import shipped_schemas
from tests.schemas.avro_by_hand import canonical_form, crc_64_avro, read_record
from tests.schemas.published import document, fields

from .places import CONTRACT

PAGE = contract_page()


def section(heading: str) -> str:
    """Return what stands below a heading, up to the next of its level."""
    level = heading.split(" ", 1)[0]
    return re.split(rf"\n{level} ", PAGE.split(f"\n{heading}\n", 1)[1])[0]


def test_every_field_of_every_kind_is_on_the_page() -> None:
    """Each with its name as code in the first cell: those of the envelope once, those that a kind adds in its own."""
    envelope = section("## The envelope")
    records = section("## Records inside an event")
    for kind in Kind:
        own = section(f"## {kind}")
        for path, field in fields(document(kind)):
            row = f"\n| `{field['name']}` | "
            where = records if "." in path else envelope if row in envelope else own
            assert row in where, f"{kind}: {path}"


def test_what_is_personal_says_so() -> None:
    """The personal record and its ten fields have a yes in their row, and nothing else has."""
    marked = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\| yes \|", PAGE, re.MULTILINE)
    record = next(field for field in document(Kind.CREATED)["fields"] if field["name"] == "personal")
    assert ["personal", *(field["name"] for field in record["type"][1]["fields"])] == marked


def test_every_time_has_its_unit_and_every_text_its_limit() -> None:
    """The last cell of a row is empty only for what has neither: a yes or no, and a record."""
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in PAGE.splitlines()
        if re.match(r"\| `\w+` \| (null|string|long|array|boolean)", line)
    ]
    without = {row[1].rstrip("|").strip() for row in rows if not row[-1].rstrip("|").strip()}
    assert len(rows) > len(Kind)
    assert {one for one in without if "[" not in one} == {"boolean"}


def test_the_dump_is_a_delivered_event_by_the_specification_alone() -> None:
    """Read from the page: magic, the fingerprint of the canonical form, and a record that a reader by hand reads."""
    dump = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert dump is not None
    frame = bytes.fromhex("".join(line[10:49] for line in dump[1].splitlines()))
    schema = document(Kind.DELIVERED)
    assert b"\xc3\x01" + crc_64_avro(canonical_form(schema)) == frame[:10]
    values = read_record(schema, frame[10:])
    expected = {
        "event_id": "019b76da-a800-7000-8000-000000000002",
        "tenant_id": "acme",
        "notification_id": "019b76da-9478-7000-8000-000000000001",
        "occurred_at": 1_767_225_600_000_000,
        "recipient_id": "ann",
        "channel": "email",
        "source": "shop",
    }
    assert expected == {name: value for name, value in values.items() if value is not None}


def test_the_pieces_are_the_whole_frame() -> None:
    """Each begins where the one before it ends; the page has a row for each."""
    offset = 0
    for piece in worked_pieces():
        assert offset == piece.offset
        offset += len(piece.raw)
        assert f"\n| {piece.offset} | `{piece.raw[:1].hex()}" in PAGE
    assert worked_frame() == b"".join(piece.raw for piece in worked_pieces())


def test_the_partitions_are_those_of_murmur2() -> None:
    """(murmur2(key) & 0x7fffffff) % partitions, for every row."""
    rows = re.findall(r"^\| `([0-9a-f-]{36})` \| `(\d+)` \| `(\d+)` \|$", section("## The record"), re.MULTILINE)
    assert len(rows) > limits.DATA_DEPTH_MAX // 8
    for key, partitions, partition in rows:
        assert (murmur2(key.encode()) & 0x7FFFFFFF) % int(partitions) == int(partition)


def test_every_reason_for_quarantine_is_explained() -> None:
    """A person who finds their event in quarantine finds the reason here."""
    explained = re.findall(r"^\| `(\w+)` \| \w", section("## What becomes of a bad event"), re.MULTILINE)
    assert set(Reason) <= set(explained)


def test_every_limit_of_an_event_has_its_value() -> None:
    """Those that the docs of the fields state are in the table by name and value."""
    table = section("## Limits")
    for name, value in (("EVENT_BYTES_MAX", "1,000,000"), ("ID_CHARS_MAX", "128"), ("CLOCK_SKEW_SECONDS_MAX", "900")):
        assert re.search(rf"\| `{name}` \| {value}(\.0)? \|", table), name


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_is_found_by_the_first_bytes_of_its_frames(kind: Kind) -> None:
    """Who looks at a record in a terminal can find its schema on the page, whichever version it was written with."""
    versions = [schema.version for schema in shipped_schemas().values() if schema.kind == kind]
    assert versions
    for version in versions:
        assert f"`c301{crc_64_avro(canonical_form(document(kind, version))).hex()}`" in section(f"## {kind}")


def test_every_header_of_a_cloud_event_is_explained() -> None:
    """Those that the emitter writes, and no other."""
    explained = re.findall(r"^\| `([\w-]+)` \|", section("## CloudEvents"), re.MULTILINE)
    assert [name for name, _ in cloud_event_headers(example_event(Kind.READ))] == explained


def test_every_link_of_the_page_leads_somewhere() -> None:
    """To a file that is there, or to a heading of the page."""
    headings = {re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-") for one in re.findall("\n#+ (.*)", PAGE)}
    for file, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]+))?\)", PAGE):
        assert (CONTRACT / file).exists() if file else anchor in headings, f"{file}#{anchor}"


def test_the_picture_has_the_fingerprint_of_the_worked_record() -> None:
    """Picture and dump show one record."""
    assert worked_frame()[2:10].hex(" ").upper() in frame_picture()
    assert 'aria-label="A record of the log.' in frame_picture()
