"""What the mapping takes from the read model, or derives from the facts, is there once the samples are folded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from ledger_infra.demo.samples import VENDORS, sample_events, vendor_samples
from ledger_infra.demo.transcripts import Sample, Vendor, transcribe
from ledger_projectors.store.read_model import ReadModel
from tests.projectors.building import open_model, records_of, rows
from tests.properties.strategies import Recorded

from .mapping import columns, mapping
from .tracing import same

RECORDED_AT_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z: the samples went into the log when all of it was over."""

LAST: Final = r"name LIKE 'last\_%\_at' ESCAPE '\'"
"""Of the columns, the times of the last fact of each kind."""

DERIVED: Final = {
    ("suger", "eventStatus"): """
        CASE
            WHEN first_delivered_at IS NOT NULL THEN 'DONE'
            WHEN failed_permanently THEN 'FAILED'
            WHEN first_fired_at IS NOT NULL THEN 'PENDING'
            WHEN scheduled_at IS NOT NULL THEN 'SCHEDULED'
        END""",
    ("suger", "lastUpdateTime"): f"greatest(*COLUMNS(lambda name: {LAST} AND name != 'last_opened_at'))",
    ("novu", "updatedAt"): f"greatest(*COLUMNS(lambda name: {LAST}))",
    ("nextinteract", "successful"): "recipients_delivered > 0 OR first_failed_at IS NULL",
    ("nextinteract", "totalNotificationsSent"): """
        (SELECT count(first_fired_at) FROM inbox_entries AS e WHERE e.notification_id = here.notification_id)""",
}
"""Of the rows that are derived, the rule in the columns of notifications and contents."""

OF_PARTS: Final = {("suger", "trackEvents[].action"), ("novu", "jobs[].status"), ("novu", "jobs[].updatedAt")}
"""Rows of a notification's parts: the openings, which are events of history, and the deliveries."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadModel]:
    """All samples, folded."""
    with open_model(tmp_path_factory.mktemp("samples")) as folded:
        outcome = folded.apply(records_of(*(Recorded(event, RECORDED_AT_MS) for event in sample_events())))
        assert outcome.applied == len(sample_events())
        yield folded


def in_column(model: ReadModel, sample: Sample, place: str) -> list[Any]:
    """Return what a column holds for the notification of a sample."""
    table, column = place.split(".")
    found = rows(model, f'SELECT notification_id, "{column}" FROM {table}')  # noqa: S608 - names of the mapping
    notification_id = transcribe(sample)[0].notification_id
    return [value for of, value in found if of == notification_id]


COLUMN_ROWS: Final = [
    pytest.param(vendor, row.vendor, place, id=f"{vendor}-{row.vendor}")
    for vendor in VENDORS
    for row in mapping(vendor).field
    for place in row.ledger
    if place in columns() and "/" not in row.vendor
]


@pytest.mark.parametrize(("vendor", "name", "place"), COLUMN_ROWS)
def test_a_column_holds_what_the_vendor_shows(model: ReadModel, vendor: Vendor, name: str, place: str) -> None:
    """Of each sample the value, and null where the sample has none."""
    for sample in vendor_samples(vendor):
        (holds,) = in_column(model, sample, place)
        says = sample.row.get(name)
        assert holds is None if says is None else same(says, holds), sample.heading


@pytest.mark.parametrize(("vendor", "name"), [pytest.param(*named, id="-".join(named)) for named in DERIVED])
def test_what_is_derived_follows_from_the_columns(model: ReadModel, vendor: Vendor, name: str) -> None:
    """Of each sample, the rule gives what the vendor shows."""
    rule = DERIVED[vendor, name]
    joined = "FROM notifications AS here JOIN contents USING (tenant_id, notification_id)"
    found = dict(rows(model, f"SELECT here.notification_id, {rule} {joined}"))
    for sample in vendor_samples(vendor):
        assert same(sample.row[name], found[transcribe(sample)[0].notification_id]), sample.heading


def test_a_job_was_updated_when_its_delivery_last_was(model: ReadModel) -> None:
    """Of each of Novu's jobs that shows it, the latest fact of the delivery that has its id."""
    query = f"SELECT delivery_ref, greatest(*COLUMNS(lambda name: {LAST})) FROM deliveries"  # noqa: S608 - our own rule
    found = dict(rows(model, query))
    jobs = [job for sample in vendor_samples("novu") for job in sample.row["jobs"]]
    assert {job["_id"] for job in jobs} <= set(found)
    for job in jobs:
        assert "updatedAt" not in job or same(job["updatedAt"], found[job["_id"]])


def test_every_derived_row_is_shown() -> None:
    """Of what a vendor's notification shows, nothing is called derived that no rule here or of its parts gives."""
    derived = {
        (vendor, row.vendor)
        for vendor in VENDORS
        for row in mapping(vendor).field
        if "derived" in row.ledger and "/" not in row.vendor
    }
    assert derived == {*DERIVED, *OF_PARTS}
