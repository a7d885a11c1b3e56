"""What lies in quarantine for its schema, or its kind, is applied when that is known: as if in time, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import duckdb
import pytest

from ledger_projectors.publish.digest import digest_read_model
from ledger_projectors.store.steps import Step
from ledger_schemas import new_id
from ledger_schemas.framing import SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from tests.projectors.building import Raw, demo_events, open_model, raw, reading, rows
from tests.projectors.decode.foreign_writer import next_version, record_at, written_with
from tests.projectors.decode.late_schemas import AHEAD, APPLIED, QUARANTINED, created, knowing

LATE_SHARE = 0.5


def test_what_is_no_event_under_its_schema_goes_back_with_the_true_reason(tmp_path: Path) -> None:
    """A release judges as the decoder would have: bytes left over are undecodable, a wrong key is a wrong key."""
    good, broken = written_with(AHEAD, created()), written_with(AHEAD, created())
    assert broken.value is not None
    stranger = str(new_id()).encode()
    records = [good, Raw(broken.value + b"\0", broken.key), Raw(good.value, stranger)]
    with open_model(tmp_path) as model:
        model.apply([record_at(record, offset) for offset, record in enumerate(records)])
        assert [reason for _, reason in rows(model, QUARANTINED)] == ["schema_unknown"] * 3
        outcome = model.release(knowing(AHEAD.fingerprint, AHEAD.text))
        assert outcome is not None
        assert (outcome.applied, outcome.reasons) == (1, {"undecodable": 1, "key_mismatch": 1})
        assert rows(model, QUARANTINED) == [(1, "undecodable"), (2, "key_mismatch")]
        assert model.release(knowing(AHEAD.fingerprint, AHEAD.text)) is None


def test_a_release_is_one_transaction(tmp_path: Path) -> None:
    """When it fails in the middle, the records are in quarantine as before, whole; and it can be done again."""
    with open_model(tmp_path) as model:
        model.apply([record_at(replace(written_with(AHEAD, created()), headers=[("trace", b"\x01")]), 0)])
        before = rows(model, "SELECT q::VARCHAR FROM quarantine AS q")
        for failing in (Step.BEGUN, Step.HISTORY_WRITTEN, Step.QUARANTINED):

            def fail(step: Step, failing: Step = failing) -> None:
                if step is failing:
                    raise duckdb.IOException("disk full")

            with pytest.raises(duckdb.IOException):
                model.release(knowing(AHEAD.fingerprint, AHEAD.text), fail)
            assert rows(model, "SELECT q::VARCHAR FROM quarantine AS q") == before
            assert rows(model, APPLIED) == []
        model.release(knowing(AHEAD.fingerprint, AHEAD.text))
        assert rows(model, "SELECT log_offset, epoch_ms(recorded_at) FROM events") == [(0, 1_000)]
        assert rows(model, QUARANTINED) == []


def test_a_release_takes_no_more_than_its_bytes_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction takes the next records in log order, at least one, until none waits."""
    monkeypatch.setattr("ledger_projectors.store.read_model.RELEASE_BYTES", 1)
    with open_model(tmp_path) as model:
        model.apply([record_at(written_with(AHEAD, created(str(offset))), offset) for offset in range(3)])
        known = knowing(AHEAD.fingerprint, AHEAD.text)
        for offset in range(3):
            assert model.release(known) is not None
            assert [place for place, _, _ in rows(model, APPLIED)] == list(range(offset + 1))
        assert model.release(known) is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_released_in_any_order_is_as_if_in_time(tmp_path: Path, seed: int) -> None:
    """Of a history with duplicates and disorder, any share may come under schemas that are told of one by one, later.

    Row for row, the read model is the one whose schemas were known from the first record on.
    """
    rng = Random(seed)  # noqa: S311 - a test, repeatable
    versions = {kind: next_version(kind) for kind in Kind}
    events = demo_events(20, seed)
    # Some once more, much later: by whom, and so under which schema, is chance too.
    events += rng.sample(events, len(events) // 5)
    records = [
        record_at(written_with(versions[event.kind], event) if rng.random() < LATE_SHARE else raw(event), offset)
        for offset, event in enumerate(events)
    ]
    everything = KnownSchemas()
    for version in versions.values():
        everything.learn(SchemaReference.to_fingerprint(version.fingerprint), version.text)
    digests = []
    with open_model(tmp_path / "in_time") as model, reading(model) as reader:
        model.apply(records, known=everything)
        digests.append(digest_read_model(reader))
    with open_model(tmp_path / "late") as model, reading(model) as reader:
        known = KnownSchemas()
        for start in range(0, len(records), len(records) // 3 + 1):
            model.apply(records[start : start + len(records) // 3 + 1], known=known)
        assert len(rows(model, QUARANTINED)) > len(records) // 4
        for version in rng.sample(list(versions.values()), len(versions)):
            known.learn(SchemaReference.to_fingerprint(version.fingerprint), version.text)
            model.release(known)
        digests.append(digest_read_model(reader))
    assert digests[0] == digests[1]
    assert digests[0].tables["quarantine"][0] == 0
    assert digests[0].tables["duplicates"][0] > 0


def test_an_upgrade_that_knows_the_kind_releases_too(tmp_path: Path) -> None:
    """What was kept as kind_unknown is applied by a reader to whom its schema says one of its kinds."""
    with open_model(tmp_path) as model:
        model.apply([record_at(written_with(AHEAD, created()), 0)])
        with model.transaction(lambda _: None):
            model._connection.execute("UPDATE quarantine SET reason = 'kind_unknown'")
        assert model.release(KnownSchemas()) is None
        assert model.release(knowing(AHEAD.fingerprint, AHEAD.text)) is not None
        assert (len(rows(model, APPLIED)), rows(model, QUARANTINED)) == (1, [])
