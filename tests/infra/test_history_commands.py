"""A history that is exported from a read model file and imported into an empty log is the same history."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from ledger_infra.paths import read_model_path
from ledger_infra.settings import environment_without_settings
from ledger_producers import history_import
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Event, TopicSpec, parse_event
from ledger_schemas.codec import WireEvent, decode_wire, encode_wire
from ledger_schemas.errors import ReadModelUnusable, SettingInvalid
from ledger_schemas.kinds import Kind
from ledger_schemas.topic import ensure_topic, schemas_topic_spec
from tests.conftest import Kafka
from tests.faults.the_log import Raw, append, append_raw, read_records
from tests.projectors.building import TABLES, demo_events, project, rows
from tests.projectors.decode.decoding import full_values
from tests.running import json_of, run_command

PARTITIONS: Final = 3
LONG_AGO: Final = 1_700_000_000_000_000
"""Microseconds since 1970: before any log of the tests took anything."""

OF_THE_LOG: Final = ("log_partition", "log_offset", "recorded_at")
"""Columns that tell of the log that has an event, and not of the event."""

FACTS: Final = tuple(table for table in TABLES if table not in {"duplicates", "quarantine"})


class Place:
    """A topic and the data directory of a read model of it."""

    def __init__(self, kafka: Kafka, topic: str, data_dir: Path) -> None:
        """Make both."""
        self.kafka = kafka
        self.topic = TopicSpec(topic, PARTITIONS)
        self.data_dir = data_dir
        data_dir.mkdir()
        asyncio.run(ensure_topic(kafka.connection, self.topic))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on them."""
        settings = {
            "NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "NOTIFICATION_LEDGER_TOPIC": self.topic.name,
            "NOTIFICATION_LEDGER_PARTITIONS": str(PARTITIONS),
            "NOTIFICATION_LEDGER_DATA_DIR": str(self.data_dir),
        }
        return run_command(*arguments, environment=environment_without_settings() | settings)

    def open(self) -> ReadModel:
        """Open the read model."""
        return ReadModel.create_or_open(read_model_path(self.data_dir), topic=self.topic.name, partitions=PARTITIONS)

    def project(self) -> None:
        """Bring the read model to the end of the log."""
        with self.open() as model:
            asyncio.run(project(self.kafka.connection, model))

    def facts(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table and view that tells facts, without what tells of the log; sorted."""
        with self.open() as model:
            return {table: rows(model, _facts_of(table)) for table in FACTS}


def _facts_of(table: str) -> str:
    # A number that a created states is one that it had: it is in `contents` either way.
    left_out = (*OF_THE_LOG, "number") if table == "events" else OF_THE_LOG
    names = ", ".join(f"'{name}'" for name in left_out)
    return f"SELECT told::VARCHAR FROM (SELECT COLUMNS(lambda c: c NOT IN ({names})) FROM {table}) AS told ORDER BY ALL"  # noqa: S608 - our own names


def long_ago(events: Sequence[Event]) -> list[Event]:
    """Return the events as if they had happened long before the log took them."""
    first = min(event.occurred_at for event in events)
    begin = datetime.fromtimestamp(LONG_AGO / 1_000_000, UTC)
    return [event.model_copy(update={"occurred_at": begin + (event.occurred_at - first)}) for event in events]


@pytest.fixture
def lost(kafka: Kafka, topic_name: str, tmp_path: Path) -> Place:
    """Give a read model of every kind of event with every field, a stream with copies and disorder, and poison."""
    place = Place(kafka, topic_name, tmp_path / "lost")
    full = []
    for number, kind in enumerate(Kind):
        values = full_values(kind) | {"event_id": f"019ca7a1-0000-7000-8000-{number:012x}", "occurred_at": LONG_AGO}
        full.append(Raw(values["notification_id"].encode(), encode_wire(WireEvent(kind, values))))
    append_raw(kafka.connection, place.topic, [Raw(b"key", b"poison"), *full, full[3]])
    append(kafka.connection, place.topic, long_ago(demo_events(30)))
    place.project()
    return place


def exported(place: Place, file: Path) -> dict[str, Any]:
    """Export the history and return the summary."""
    return json_of(place.run("export-history", str(file), "--json"))


def test_an_imported_history_is_the_same_history(lost: Place, topic_name: str, tmp_path: Path) -> None:
    """Every row of every view is equal, numbers included; only place and recorded_at are those of the new log."""
    file = tmp_path / "history.jsonl"
    summary = exported(lost, file)
    with lost.open() as model:
        position, counts = model.position(), _counts(model)
    assert summary == {
        "events": counts["events"],
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "position": str(position),
        "left_out": {"duplicates": counts["duplicates"], "quarantined": counts["quarantine"]},
    }
    assert counts["quarantine"] >= 1
    assert counts["duplicates"] >= 1
    found = Place(lost.kafka, f"{topic_name}.restored", tmp_path / "found")
    imported = json_of(found.run("import-history", str(file), "--json"))
    assert (imported["events"], imported["sha256"]) == (summary["events"], summary["sha256"])
    found.project()
    assert found.facts() == lost.facts()
    with found.open() as model:
        assert imported["position"] == str(model.position())
        assert _counts(model) == {"events": counts["events"], "duplicates": imported["copies"], "quarantine": 0}
    again = json_of(found.run("rebuild", "--check", "--json"))
    assert again["equal"] is True


def _counts(model: ReadModel) -> dict[str, int]:
    return {
        name: rows(model, f"SELECT count(*) FROM {name}")[0][0]  # noqa: S608 - our own names
        for name in ("events", "duplicates", "quarantine")
    }


def test_a_line_is_a_record_of_the_log(lost: Place, tmp_path: Path) -> None:
    """In log order; place and recorded_at as the log had them, key and value that decode to what was emitted."""
    file = tmp_path / "history.jsonl"
    exported(lost, file)
    lines = [json.loads(line) for line in file.read_text(encoding="ascii").splitlines()]
    log = {(one.partition, one.offset): one for one in read_records(lost.kafka.connection, lost.topic)}
    places = [(line["partition"], line["offset"]) for line in lines]
    assert places == sorted(places)
    for line in lines:
        assert list(line) == ["topic", "partition", "offset", "recorded_at", "key", "value"]
        record = log[line["partition"], line["offset"]]
        assert line["topic"] == lost.topic.name
        assert line["key"].encode() == record.key
        assert datetime.fromisoformat(line["recorded_at"]).timestamp() * 1_000 == pytest.approx(record.recorded_at_ms)
        event, emitted = decode_wire(base64.b64decode(line["value"])), decode_wire(record.value or b"")
        if emitted.kind is Kind.CREATED and emitted.values["number"] is None:
            emitted.values["number"] = record.offset * PARTITIONS + record.partition
        assert event == emitted


def test_new_notifications_get_no_number_that_an_old_one_has(lost: Place, topic_name: str, tmp_path: Path) -> None:
    """Copies follow the events until each partition ends where it did, so that the next place is a new number."""
    file = tmp_path / "history.jsonl"
    exported(lost, file)
    found = Place(lost.kafka, f"{topic_name}.restored", tmp_path / "found")
    imported = json_of(found.run("import-history", str(file), "--json"))
    assert imported["copies"] > 0
    assert imported["numbers_may_repeat"] is False
    append(found.kafka.connection, found.topic, long_ago(demo_events(30, seed=2)))
    found.project()
    with found.open() as model:
        ((contents, numbers),) = rows(
            model, "SELECT count(*), count(DISTINCT number) FROM contents WHERE number IS NOT NULL"
        )
    assert (contents, numbers) == (61, 61)


def test_a_fact_of_the_future_counts_as_of_the_import(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Effective time is the smaller of occurred_at and recorded_at, and the latter is the new log's."""
    ahead = parse_event(
        {"kind": "created", "tenant_id": "acme", "source": "shop", "occurred_at": datetime(2200, 1, 1, tzinfo=UTC)}
    )
    lost = Place(kafka, topic_name, tmp_path / "lost")
    append(kafka.connection, lost.topic, [ahead])
    lost.project()
    exported(lost, tmp_path / "history.jsonl")
    found = Place(kafka, f"{topic_name}.restored", tmp_path / "found")
    json_of(found.run("import-history", str(tmp_path / "history.jsonl"), "--json"))
    found.project()
    times = []
    for place in (lost, found):
        with place.open() as model:
            times += rows(model, "SELECT recorded_at, listed_at, first_created_at FROM events, notifications")
    (before, after) = times
    assert before[0] < after[0]
    assert [(listed, created) for _, listed, created in times] == [(one[0], ahead.occurred_at) for one in times]


def test_a_topic_with_records_is_refused(lost: Place, tmp_path: Path) -> None:
    """With the count, and nothing is appended."""
    file = tmp_path / "history.jsonl"
    exported(lost, file)
    before = len(read_records(lost.kafka.connection, lost.topic))
    refused = lost.run("import-history", str(file))
    assert refused.returncode == 2
    assert f"has taken {before} records" in refused.stderr
    assert "--resume" in refused.stderr
    assert len(read_records(lost.kafka.connection, lost.topic)) == before


def test_an_import_that_was_interrupted_is_resumed(lost: Place, topic_name: str, tmp_path: Path) -> None:
    """What is there twice counts once."""
    file, part = tmp_path / "history.jsonl", tmp_path / "part.jsonl"
    exported(lost, file)
    lines = file.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join(lines[: len(lines) // 2]))
    found = Place(lost.kafka, f"{topic_name}.restored", tmp_path / "found")
    json_of(found.run("import-history", str(part), "--json"))
    json_of(found.run("import-history", str(file), "--json", "--resume"))
    found.project()
    assert found.facts() == lost.facts()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lines: [*lines[:4], lines[4][:-30]], "Line 5: It is not a line of a history export: it is cut off."),
        (lambda lines: [lines[0], b'{"partition": 0}\n'], "Line 2: It is not a line of a history export: KeyError."),
        (
            lambda lines: [
                lines[0],
                b'{"topic": "t", "partition": 0, "offset": Infinity' + lines[1][lines[1].index(b', "recorded_at"') :],
            ],
            "Line 2: It is not a line of a history export: OverflowError.",
        ),
        (lambda lines: [lines[0].replace(b'"key": "', b'"key": "0'), *lines[1:]], "its key is not the notification_id"),
        (lambda lines: [lines[0].replace(b'"value": "w', b'"value": "x'), *lines[1:]], "Line 1: "),
    ],
)
def test_a_damaged_export_is_refused_whole(
    lost: Place,
    topic_name: str,
    tmp_path: Path,
    damage: Callable[[list[bytes]], list[bytes]],
    said: str,
) -> None:
    """The line is named, and nothing is appended."""
    file = tmp_path / "history.jsonl"
    exported(lost, file)
    file.write_bytes(b"".join(damage(file.read_bytes().splitlines(keepends=True))))
    found = Place(lost.kafka, f"{topic_name}.restored", tmp_path / "found")
    refused = found.run("import-history", str(file))
    assert refused.returncode == 4, refused.stderr
    assert said in refused.stderr
    assert read_records(found.kafka.connection, found.topic) == []


def test_a_file_that_shrinks_during_the_import_is_told(
    lost: Place, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events that were checked first are not those that were appended: an error, not a success."""
    file = tmp_path / "history.jsonl"
    exported(lost, file)
    spec = TopicSpec(f"{topic_name}.restored", lost.topic.partitions)
    asyncio.run(ensure_topic(lost.kafka.connection, spec))
    monkeypatch.setattr(history_import, "_batches", lambda _: iter(()))
    importing = history_import.import_history(
        lost.kafka.connection, file, topic=spec, schemas_topic=schemas_topic_spec()
    )
    with pytest.raises(SettingInvalid, match="changed during the import"):
        asyncio.run(importing)


def test_an_import_of_a_pipe_is_refused(lost: Place, topic_name: str, tmp_path: Path) -> None:
    """A history is read twice, and a pipe only once: it would import nothing and say that it did."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = Place(lost.kafka, f"{topic_name}.restored", tmp_path / "found")
    refused = found.run("import-history", str(pipe))
    assert refused.returncode == SettingInvalid.exit_code, refused.stderr
    assert "a pipe or a device" in refused.stderr


def test_an_export_overwrites_nothing_and_goes_to_standard_output(lost: Place, tmp_path: Path) -> None:
    """A file that exists is refused; `-` writes the lines to standard output, and the summary to standard error."""
    file = tmp_path / "history.jsonl"
    summary = exported(lost, file)
    refused = lost.run("export-history", str(file))
    assert refused.returncode == 2
    assert "exists already" in refused.stderr
    streamed = lost.run("export-history", "-", "--json")
    assert streamed.stdout.encode() == file.read_bytes()
    assert json.loads(streamed.stderr.splitlines()[-1]) == summary


def test_a_file_of_another_layout_is_named(lost: Place, tmp_path: Path) -> None:
    """No traceback, no half export: the file may still be exported by the version that wrote it."""
    with duckdb.connect(read_model_path(lost.data_dir)) as connection:
        connection.execute("ALTER TABLE event_details RENAME retry_at TO retried_at")
    file = tmp_path / "history.jsonl"
    refused = lost.run("export-history", str(file))
    assert refused.returncode == ReadModelUnusable.exit_code
    assert "read_model_unusable: The history of" in refused.stderr
    assert "with the version that wrote it" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not file.exists()
