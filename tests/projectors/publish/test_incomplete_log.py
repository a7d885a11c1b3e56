"""A log that lost records which the read model file has applied: a rebuild says which, and touches nothing."""

from __future__ import annotations

import asyncio

import pytest

from ledger_infra.settings import environment_without_settings
from ledger_projectors.publish.digest import Digest, digest_read_model
from ledger_schemas.errors import GuardRefused, LogIncomplete
from tests.conftest import Kafka
from tests.faults.the_log import Place, append
from tests.projectors.building import (
    Raw,
    append_raw,
    demo_events,
    producing,
    project,
    raw,
    reading,
    recreate,
    rows,
)
from tests.projectors.publish.ledgers import NAME, PARTITIONS, Ledger
from tests.projectors.publish.losing import ALL, compact, delete_before
from tests.running import run_command


def digest_of(ledger: Ledger, name: str = NAME) -> Digest:
    """Return the digest of a file."""
    with ledger.open(name) as model, reading(model) as reader:
        return digest_read_model(reader)


def applied_places(ledger: Ledger) -> set[Place]:
    """Return where the records lie that the file has rows for."""
    with ledger.open() as model:
        return {
            place
            for table in ("event_rows", "duplicates", "quarantine")
            for place in rows(model, f"SELECT log_partition, log_offset FROM {table}")  # noqa: S608 - our own names
        }


def assert_refused(
    ledger: Ledger, error: type[GuardRefused], *, words: list[str], before: Digest, cli_exit_code: int
) -> None:
    """Check that rebuild and check refuse, as a function and as a command, and that the old file is as it was."""
    for swap in (True, False):
        with pytest.raises(error) as raised:
            ledger.rebuild(swap=swap)
        assert type(raised.value) is error
        assert not raised.value.retryable
        assert all(word in raised.value.message for word in words), raised.value.message
        assert "may be the last copy" in raised.value.hint
        assert "export-history" in raised.value.hint
        assert "away" not in str(raised.value)
        assert ledger.files() == {NAME}
    for flags in ([], ["--check"]):
        finished = run_command(
            *("rebuild", "--json", *flags, "--data-dir", str(ledger.folder)),
            environment=environment_without_settings()
            | {
                "NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS": ledger.kafka.bootstrap_servers,
                "NOTIFICATION_LEDGER_TOPIC": ledger.topic.name,
                "NOTIFICATION_LEDGER_PARTITIONS": str(PARTITIONS),
            },
        )
        assert (finished.returncode, finished.stdout) == (cli_exit_code, "")
        assert f"{error.code}: {raised.value.message}\n{raised.value.hint}\n" in finished.stderr
        assert ledger.files() == {NAME}
    assert digest_of(ledger) == before


def test_rebuild_refuses_a_log_without_its_beginning(own_ledger: Ledger) -> None:
    """Retention or DeleteRecords: the error counts what is gone of each partition, and says where; nothing changes."""
    before, places = digest_of(own_ledger), applied_places(own_ledger)
    assert len(places) == ALL
    gone = {0: 4, 1: 9}
    delete_before(own_ledger, *gone.values())
    told = [
        f"partition {partition}: {count} of {sum(place[0] == partition for place in places)} applied records are gone, "
        f"between offsets 0 and {count - 1}"
        for partition, count in gone.items()
    ]
    words = [f"no longer holds {sum(gone.values())} of the {ALL} records", "; ".join(told), own_ledger.topic.name]
    assert_refused(own_ledger, LogIncomplete, words=words, before=before, cli_exit_code=LogIncomplete.exit_code)


def test_rebuild_refuses_a_log_without_records(own_ledger: Ledger) -> None:
    """A partition that is empty up to the position counts like any other."""
    with own_ledger.open() as model:
        ends = [model.position().get((own_ledger.topic.name, partition), 0) for partition in range(PARTITIONS)]
    delete_before(own_ledger, *ends)
    with pytest.raises(LogIncomplete, match=f"no longer holds {ALL} of the {ALL} records"):
        own_ledger.rebuild()
    assert own_ledger.files() == {NAME}


def test_projector_continues_on_a_log_without_its_beginning(own_ledger: Ledger) -> None:
    """What was applied is in the file: a start needs only what comes next."""
    delete_before(own_ledger, 4, 9)
    append(own_ledger.kafka.connection, own_ledger.topic, demo_events(3, seed=2))
    with own_ledger.open() as model:
        assert asyncio.run(project(own_ledger.kafka.connection, model)).progress().applied > 0


def test_rebuild_refuses_a_compacted_log(own_ledger: Ledger) -> None:
    """Of a topic that was compacted for a while, the error counts the holes, which may be anywhere."""
    before, applied = digest_of(own_ledger), applied_places(own_ledger)
    missing = applied - compact(own_ledger)
    words = [f"no longer holds {len(missing)} of the {ALL} records"]
    for partition in sorted({place[0] for place in missing}):
        offsets = sorted(offset for at, offset in missing if at == partition)
        count = sum(place[0] == partition for place in applied)
        words.append(
            f"partition {partition}: {len(offsets)} of {count} applied records are gone, between offsets "
            f"{offsets[0]} and {offsets[-1]}"
        )
        assert len(offsets) < offsets[-1] - offsets[0] + 1, "What is gone should have holes in it."
    assert_refused(own_ledger, LogIncomplete, words=words, before=before, cli_exit_code=LogIncomplete.exit_code)


def test_rebuild_refuses_a_log_that_ends_before_the_file(own_ledger: Ledger) -> None:
    """Recreated: the guard says so, its hint names the export, and nothing changes."""
    before = digest_of(own_ledger)
    asyncio.run(recreate(own_ledger.kafka.connection, own_ledger.topic))
    words = ["has offsets 0 to 0, the read model is at"]
    assert_refused(own_ledger, GuardRefused, words=words, before=before, cli_exit_code=GuardRefused.exit_code)


def test_rebuild_counts_losses_of_a_file_of_another_version(own_ledger: Ledger) -> None:
    """What this version cannot compare row by row is counted all the same."""
    own_ledger.change("UPDATE read_model SET version = 0")
    bytes_before = own_ledger.path.read_bytes()
    delete_before(own_ledger, 4, 0, 0)
    with pytest.raises(LogIncomplete, match="partition 0: 4 of"):
        own_ledger.rebuild()
    assert own_ledger.files() == {NAME}
    assert own_ledger.path.read_bytes() == bytes_before


def test_rebuild_does_not_make_up_for_losses_with_newer_records(own_ledger: Ledger) -> None:
    """A log that has gained as many records as it has lost lacks them all the same."""
    own_ledger.change("UPDATE read_model SET version = 0")
    gone = 4
    delete_before(own_ledger, gone, 0, 0)
    newer = [Raw(b"poison", b"key", 0)] * gone
    asyncio.run(append_raw(own_ledger.kafka.connection, own_ledger.topic.name, *newer))
    with pytest.raises(LogIncomplete, match=f"partition 0: {gone} of"):
        own_ledger.rebuild()
    assert own_ledger.files() == {NAME}


def test_rebuild_refuses_another_log_for_a_file_of_another_version(own_ledger: Ledger) -> None:
    """A recreated topic that is as long as the old one holds other records under the same offsets."""
    own_ledger.change("UPDATE read_model SET version = 0")
    asyncio.run(recreate(own_ledger.kafka.connection, own_ledger.topic))
    append(own_ledger.kafka.connection, own_ledger.topic, demo_events(30, seed=3))
    with pytest.raises(GuardRefused, match="holds another record than the one that was applied"):
        own_ledger.rebuild()
    own_ledger.change("UPDATE positions SET log_topic = 'another'")
    with pytest.raises(GuardRefused, match=f"was made for another, not for {own_ledger.topic.name}"):
        own_ledger.rebuild()
    assert own_ledger.files() == {NAME}


def test_rebuild_ignores_offsets_that_never_held_records(kafka: Kafka, own_ledger: Ledger) -> None:
    """Markers of transactions, and records of aborted ones, have offsets and are not missed."""

    async def work() -> None:
        async with producing(kafka.connection, transactional_id=own_ledger.topic.name) as producer:
            for event, aborted in zip(demo_events(1, seed=4), (False, True, False, True), strict=False):
                await producer.begin_transaction()
                one = raw(event)
                await producer.send_and_wait(own_ledger.topic.name, one.value, key=one.key)
                await (producer.abort_transaction() if aborted else producer.commit_transaction())
        with own_ledger.open() as model:
            await project(kafka.connection, model)

    asyncio.run(work())
    with own_ledger.open() as model:
        offsets = sum(model.position().values())
    assert offsets > len(applied_places(own_ledger))
    assert own_ledger.rebuild().kept is not None
