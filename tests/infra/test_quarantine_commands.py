"""The quarantine from a terminal and over HTTP: listed, shown, exported, retried, on the file or by who runs it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import typer
from typer.testing import CliRunner, Result

from ledger_infra.cli import quarantine_commands
from ledger_infra.paths import read_model_path
from ledger_infra.settings import environment_without_settings
from ledger_projectors.decode import batch as decoding
from ledger_projectors.decode.batch import decode_records
from ledger_projectors.log.records import LogRecord, Reason, Rejection
from ledger_projectors.store.read_model import ReadModel
from ledger_queries.quarantine import QuarantineReason
from ledger_schemas import LIFECYCLE_TOPIC, TopicSpec, limits
from ledger_schemas.errors import BadRequest, CursorInvalid, LedgerError, NotFound, ReadModelsDiffer, SettingInvalid
from ledger_schemas.kinds import Kind
from ledger_schemas.parsing import parse_event
from ledger_schemas.schema_topic import binding_of
from tests.conftest import Kafka
from tests.projectors.building import Raw, append_raw, demo_events, open_model, project, raw
from tests.projectors.decode.foreign_writer import next_version, publish, with_topics, written_with
from tests.running import RunningLedger, json_of, run_command

PARTITIONS: Final = 6
CREATED: Final = parse_event(
    {"kind": "created", "tenant_id": "acme", "source": "shop", "personal": {"title": "Secret parcel"}}
)
AHEAD: Final = next_version(Kind.CREATED)
RECORDS: Final = [
    LogRecord(LIFECYCLE_TOPIC, 0, 0, 1_000, b"key", b"poison\x00\xff", (("trace", b"\x01"), ("empty", None))),
    LogRecord(LIFECYCLE_TOPIC, 0, 1, 2_000, None, None),
    LogRecord(LIFECYCLE_TOPIC, 1, 0, 2_000, b"somebody else's", raw(CREATED).value),
    LogRecord(LIFECYCLE_TOPIC, 2, 7, 4_000, raw(CREATED).key, written_with(AHEAD, CREATED).value),
]
PLACES: Final = [(2, 7), (1, 0), (0, 1), (0, 0)]
"""Of the records, in the order of the list: the one that the log took last first."""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a stopped ledger with four records in quarantine, for reading."""
    folder = tmp_path_factory.mktemp("quarantine")
    with ReadModel.create_or_open(read_model_path(folder), topic=LIFECYCLE_TOPIC, partitions=PARTITIONS) as model:
        assert model.apply(RECORDS).quarantined == len(RECORDS)
    return folder


def run(data_dir: Path, *arguments: str) -> Result:
    """Run one of the commands over a stopped ledger; what it raises is in the result."""
    app = typer.Typer()
    quarantine_commands.register(app)
    return CliRunner().invoke(app, ["quarantine", *arguments, "--data-dir", str(data_dir)])


def answer_of(data_dir: Path, *arguments: str) -> dict[str, Any]:
    """Return the JSON that a command answers with."""
    result = run(data_dir, *arguments, "--json")
    assert result.exit_code == 0, result.exception
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def error_of(result: Result) -> LedgerError:
    """Return the ledger's error that the command ended with."""
    assert isinstance(result.exception, LedgerError), result.output
    return result.exception


def places(page: dict[str, Any]) -> list[tuple[int, int]]:
    """Return where the records of a page lie."""
    return [(row["partition"], row["offset"]) for row in page["rows"]]


def test_every_reason_can_be_asked_for() -> None:
    """The read side knows the reasons that the projector gives."""
    assert [reason.value for reason in Reason] == [reason.value for reason in QuarantineReason]


def test_the_list_shows_where_and_why_and_no_payload(data_dir: Path) -> None:
    """Newest first; sizes instead of what the records hold, on the screen and in JSON."""
    page = answer_of(data_dir, "list")
    assert places(page) == PLACES
    assert [row["reason"] for row in page["rows"]] == [
        "schema_unknown",
        "key_mismatch",
        "undecodable",
        "undecodable",
    ]
    assert [(row["key_bytes"], row["value_bytes"], row["header_count"]) for row in page["rows"][2:]] == [
        (None, None, 0),
        (3, 8, 2),
    ]
    assert {row["payload"] for row in page["rows"]} == {None}
    screen = run(data_dir, "list").stdout
    assert "The record has no value." in screen
    assert "4 records" in screen
    for held in ("Secret", "somebody else", "poison", str(CREATED.notification_id)):
        assert held not in screen + json.dumps(page)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--reason", "undecodable"], [(0, 1), (0, 0)]),
        (["--partition", "0", "--recorded-before", "1970-01-01T00:00:02Z"], [(0, 0)]),
        (["--recorded-from", "1970-01-01T00:00:02Z", "--recorded-before", "1970-01-01T00:00:04Z"], [(1, 0), (0, 1)]),
        (["--reason", "conflict"], []),
        (["--tenant", "acme"], [(1, 0)]),
        (["--tenant", "other"], []),
    ],
)
def test_filters_choose_the_same_records_for_list_and_count(
    data_dir: Path, filters: list[str], found: list[tuple[int, int]]
) -> None:
    """By reason, partition, tenant and the half-open span of recorded_at; a count has the records that the list has."""
    assert places(answer_of(data_dir, "list", *filters)) == found
    counted = answer_of(data_dir, "list", *filters, "--group-by", "partition")
    expected = {str(partition): sum(at[0] == partition for at in found) for partition, _ in found}
    assert (len(found), expected) == (counted["total"], {group["name"]: group["count"] for group in counted["groups"]})


def test_counts_by_reason_come_most_first(data_dir: Path) -> None:
    """The first question of an operator: what is it mostly."""
    groups = answer_of(data_dir, "list", "--group-by", "reason")["groups"]
    assert [(group["name"], group["count"]) for group in groups] == [
        ("undecodable", 2),
        ("key_mismatch", 1),
        ("schema_unknown", 1),
    ]
    assert "4 records" in run(data_dir, "list", "--group-by", "reason").stdout


def test_counts_by_tenant_name_the_tenants_of_decoded_events(data_dir: Path) -> None:
    """A record from which no event was decoded has no tenant: null in JSON, `none` on the screen."""
    counted = answer_of(data_dir, "list", "--group-by", "tenant")
    assert [(group["name"], group["count"]) for group in counted["groups"]] == [(None, 3), ("acme", 1)]
    assert counted["groups_complete"] is True
    screen = run(data_dir, "list", "--group-by", "tenant").stdout
    assert "none" in screen
    assert [row["tenant_id"] for row in answer_of(data_dir, "list")["rows"]] == [None, "acme", None, None]
    assert "acme" in run(data_dir, "show", "1", "0").stdout


def test_a_grouped_count_is_bounded(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most GROUPS_MAX groups, the largest, and the answer says that there are more."""
    monkeypatch.setattr(limits, "GROUPS_MAX", 1)
    counted = answer_of(data_dir, "list", "--group-by", "reason")
    assert [group["name"] for group in counted["groups"]] == ["undecodable"]
    assert (counted["groups_complete"], counted["total"]) == (False, 4)


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_pages_walk_through_all_once(data_dir: Path, limit: int) -> None:
    """Records of one time included; the last page says that there is no more, also when it is full."""
    walked: list[tuple[int, int]] = []
    more: list[str] = []
    while True:
        page = answer_of(data_dir, "list", "--limit", str(limit), *more)
        walked += places(page)
        if page["next"] is None:
            break
        more = ["--cursor", page["next"]]
    assert walked == PLACES
    assert len(page["rows"]) == limit


@pytest.mark.parametrize("cursor", ["", "1.2", "a.b.c", "1.2.3.4", "9" * 18 + ".0.0", "0.0." + "9" * 19])
def test_a_broken_cursor_is_refused(data_dir: Path, cursor: str) -> None:
    """As everywhere: cursor_invalid."""
    assert isinstance(error_of(run(data_dir, "list", "--cursor", cursor)), CursorInvalid)


def test_one_record_in_detail(data_dir: Path) -> None:
    """Place, reason, key, headers and sizes; its value only when asked for, as a hex dump or base64."""
    screen = run(data_dir, "show", "0", "0").stdout
    for shown in ("partition 0 offset 0", "1970-01-01T00:00:01", "undecodable", "key (3 bytes)", "8 bytes", "hex 01"):
        assert shown in screen
    assert "poison" not in screen
    dump = run(data_dir, "show", "0", "0", "--bytes").stdout
    assert "00000000  70 6f 69 73 6f 6e 00 ff " in dump
    assert "|poison..|" in dump
    record = answer_of(data_dir, "show", "0", "0", "--bytes")["record"]
    assert record["payload"] == {
        "key": _base64(b"key"),
        "headers": [{"name": "trace", "value": _base64(b"\x01")}, {"name": "empty", "value": None}],
        "value": _base64(b"poison\x00\xff"),
    }
    assert answer_of(data_dir, "show", "0", "0")["record"]["payload"]["value"] is None


def test_a_record_says_which_schema_it_names(data_dir: Path) -> None:
    """Frame, fingerprint, whether it is known, and the kind; a record without a frame has none."""
    shipped = answer_of(data_dir, "show", "1", "0")["frame"]
    assert (shipped["format"], shipped["schema_known"], shipped["kind"]) == ("single_object", True, "created")
    ahead = answer_of(data_dir, "show", "2", "7")["frame"]
    assert (ahead["schema_reference"], ahead["schema_known"], ahead["kind"]) == (
        f"fingerprint {AHEAD.fingerprint.hex()}",
        False,
        None,
    )
    assert answer_of(data_dir, "show", "0", "0")["frame"] is None


def test_what_a_record_states_is_shown_on_request(data_dir: Path) -> None:
    """Its event where it states one; else why it states none."""
    event = answer_of(data_dir, "show", "1", "0", "--decode")["event"]
    assert parse_event(event) == CREATED
    assert answer_of(data_dir, "show", "1", "0")["event"] is None
    unknown = answer_of(data_dir, "show", "2", "7", "--decode")
    assert (unknown["event"], "No known schema" in unknown["event_error"]) == (None, True)


def test_what_is_not_in_quarantine_is_not_found(data_dir: Path) -> None:
    """Whatever lies at that place of the log."""
    assert isinstance(error_of(run(data_dir, "show", "0", "5")), NotFound)


def test_an_export_has_every_byte(data_dir: Path, tmp_path: Path) -> None:
    """One JSON document a line: what was appended can be made again from it. A second one refuses the file."""
    out = tmp_path / "kept.jsonl"
    assert answer_of(data_dir, "export", str(out)) == {"written": 4, "left_out": 0}
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [_record(line) for line in lines] == sorted(
        RECORDS, key=lambda one: PLACES.index((one.partition, one.offset))
    )
    written = out.read_bytes()
    assert isinstance(error_of(run(data_dir, "export", str(out))), BadRequest)
    assert out.read_bytes() == written
    assert run(data_dir, "export", "-").stdout == written.decode()
    assert isinstance(error_of(run(data_dir, "export", str(tmp_path / "nowhere" / "x"))), SettingInvalid)


def test_an_export_is_cut_into_pages_by_bytes(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small a page is, every record is on one."""
    monkeypatch.setattr("ledger_queries.quarantine.PAGE_PAYLOAD_BYTES_MAX", 1)
    assert answer_of(data_dir, "export", str(tmp_path / "kept.jsonl"))["written"] == 4


def test_an_export_of_events_can_be_emitted(data_dir: Path, tmp_path: Path) -> None:
    """What states an event, as `emit` takes it; the rest is left out and counted."""
    out = tmp_path / "events.jsonl"
    assert answer_of(data_dir, "export", str(out), "--events") == {"written": 1, "left_out": 3}
    (line,) = out.read_text(encoding="utf-8").splitlines()
    assert parse_event(line) == CREATED


def test_a_retry_names_what_it_means(data_dir: Path) -> None:
    """Nothing at all, a partition alone, or --all with a reason are refused before anything is opened."""
    for arguments in (["retry"], ["retry", "1"], ["retry", "--all", "--reason", "conflict"]):
        assert isinstance(error_of(run(data_dir, *arguments)), BadRequest)


def environment(kafka: Kafka, topic_name: str, data_dir: Path) -> dict[str, str]:
    """Return the settings of a ledger over topics that nobody else uses."""
    return {
        "NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "NOTIFICATION_LEDGER_TOPIC": topic_name,
        "NOTIFICATION_LEDGER_SCHEMAS_TOPIC": f"{topic_name}.schemas",
        "NOTIFICATION_LEDGER_PARTITIONS": "1",
        "NOTIFICATION_LEDGER_SCHEMA_WAIT_SECONDS": "0.1",
        "NOTIFICATION_LEDGER_DATA_DIR": str(data_dir),
    }


def test_retried_after_a_fix_it_is_what_a_replay_makes(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader with a fault refuses good events; the mended one applies them, and a rebuild finds no difference.

    The ledger is stopped: the command opens its file, and asks Kafka for the schemas.
    """
    events = demo_events(5)
    settings = environment_without_settings() | environment(kafka, topic_name, tmp_path)

    def faulty(records: Sequence[LogRecord], partitions: int, known: object = None) -> tuple[Any, list[Rejection]]:
        table, rejections = decode_records([one for one in records if one.offset % 3], partitions)
        refused = [Rejection(one, Reason.UNDECODABLE, "A fault.") for one in records if one.offset % 3 == 0]
        return table, [*rejections, *refused]

    async def project_faultily() -> None:
        topic, _ = await with_topics(kafka, topic_name)
        await append_raw(kafka.connection, topic.name, Raw(b"poison", b"key"), *map(raw, events))
        with open_model(tmp_path, topic.name) as model:
            await project(kafka.connection, model)

    with monkeypatch.context() as patched:
        patched.setattr(decoding, "decode_records", faulty)
        asyncio.run(project_faultily())
    differs = run_command("rebuild", "--check", environment=settings)
    assert differs.returncode == ReadModelsDiffer.exit_code
    retried = json_of(run_command("quarantine", "retry", "--reason", "undecodable", "--json", environment=settings))
    (refused,) = [one for one in retried["retried"] if one["result"] == "refused"]
    assert (refused["partition"], refused["offset"], refused["reason"]) == (0, 0, "undecodable")
    assert len(retried["retried"]) == len(range(0, len(events) + 1, 3))
    assert json_of(run_command("rebuild", "--check", "--json", environment=settings))["equal"]


def test_a_running_ledger_is_asked(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """The same answers from the process that has the file; what it refuses stays, what waited for a schema goes."""
    settings = environment(kafka, topic_name, tmp_path / "data")
    poison, ahead = Raw(b"poison", b"key"), written_with(AHEAD, CREATED)

    async def append() -> TopicSpec:
        topic, schemas = await with_topics(kafka, topic_name)
        await append_raw(kafka.connection, topic.name, poison, ahead)
        return schemas

    schemas = asyncio.run(append())
    with RunningLedger(tmp_path / "data", extra_environment=settings) as ledger:
        listed = answer_of(tmp_path / "data", "list")
        assert listed == ledger.get("/v1/operator/quarantine")
        assert sorted((row["offset"], row["reason"]) for row in listed["rows"]) == [
            (0, "undecodable"),
            (1, "schema_unknown"),
        ]
        assert answer_of(tmp_path / "data", "list", "--group-by", "reason")["total"] == 2
        assert answer_of(tmp_path / "data", "show", "0", "1")["frame"]["schema_known"] is False
        retried = ledger.run("quarantine", "retry", "0", "0")
        assert retried.returncode == 0
        assert "1 records were tried again: 0 applied, 0 duplicate, 1 refused." in retried.stdout
        assert isinstance(error_of(run(tmp_path / "data", "retry", "0", "5")), NotFound)
        asyncio.run(publish(kafka.connection, schemas, binding_of(AHEAD)))
        # Released already or retried now: it is looked for again either way.
        assert run(tmp_path / "data", "retry", "--all").exit_code == 0
        assert [row["offset"] for row in ledger.get("/v1/operator/quarantine")["rows"]] == [0]
        assert [row["title"] for row in ledger.get("/v1/notifications", tenant="acme")["rows"]] == ["Secret parcel"]
        assert answer_of(tmp_path / "data", "export", str(tmp_path / "kept.jsonl"))["written"] == 1
        refused = httpx2.post(f"{ledger.api_url}/v1/operator/quarantine/retries", json={}, trust_env=False)
        assert (refused.status_code, refused.json()["code"]) == (422, "contract_violation")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else base64.b64decode(value)


def _record(line: dict[str, Any]) -> LogRecord:
    held = line["payload"]
    headers = tuple((one["name"], _bytes(one["value"])) for one in held["headers"])
    recorded_at_ms = int(line["recorded_at"][17:19]) * 1_000
    place = (line["topic"], line["partition"], line["offset"])
    return LogRecord(*place, recorded_at_ms, _bytes(held["key"]), _bytes(held["value"]), headers)
