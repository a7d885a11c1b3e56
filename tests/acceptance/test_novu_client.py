"""Novu's own Python client, unmodified, reads its events from the ledger: two settings are changed, URL and key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from novu_py import Novu, models

from ledger_infra.demo.samples import vendor_samples
from ledger_infra.demo.transcripts import Sample, transcribe
from ledger_queries.dialects.novu import vocabulary

from .novu import EXTERNAL_ID, WHOLE, put_document
from .serving import NOVU, OTHER_TENANT, Served, secret_of

NO_RETRIES = None


@pytest.fixture
def novu(fresh_ledger: Served) -> Iterator[Novu]:
    """Give the client of the samples' tenant."""
    with client_of(fresh_ledger) as client:
        yield client


def client_of(ledger: Served, secret: str = secret_of(NOVU)) -> Novu:
    """Return a client of the ledger."""
    return Novu(secret_key=secret, server_url=str(ledger.client.base_url.join("/novu")), retry_config=NO_RETRIES)


def shown(client: Novu, notification_id: str) -> dict[str, Any]:
    """Return an event as the client understood it, written again in the vendor's names."""
    result = client.notifications.retrieve(notification_id=notification_id).result
    return result.model_dump(mode="json", by_alias=True)


@pytest.mark.acceptance("S3-05", "S3-01")
@pytest.mark.parametrize("sample", vendor_samples("novu"), ids=lambda sample: sample.heading)
def test_the_client_reads_each_sample_whole(novu: Novu, sample: Sample) -> None:
    """Every field, at every depth."""
    assert shown(novu, sample.row["_id"]) == sample.row


@pytest.mark.acceptance("S3-06", "S3-18")
def test_the_client_reads_the_whole_sample_of_the_document(fresh_ledger: Served) -> None:
    """With digest, steps, filters and variants."""
    fresh_ledger.put(*transcribe(Sample("novu", "whole", WHOLE)))
    with client_of(fresh_ledger) as client:
        assert shown(client, EXTERNAL_ID) == WHOLE


@pytest.mark.acceptance("S3-04")
def test_the_client_reads_both_envelopes(fresh_ledger: Served) -> None:
    """It takes the event out of one that has `data` alone."""
    fresh_ledger.settings[NOVU] = {**fresh_ledger.settings[NOVU], "novu.envelope": "data"}
    sample = vendor_samples("novu")[0]
    with client_of(fresh_ledger) as client:
        assert shown(client, sample.row["_id"]) == sample.row


@pytest.mark.acceptance("S3-17")
def test_the_client_reads_every_documented_value(fresh_ledger: Served) -> None:
    """Its types are closed: it would refuse a provider, a status or a source that it does not know."""
    details = [
        {**WHOLE["jobs"][0]["executionDetails"][0], "_id": f"detail-{place}", "providerId": provider}
        for place, provider in enumerate(vocabulary.PROVIDERS)
    ]
    for place, detail in enumerate(details):
        detail["status"] = vocabulary.DETAIL_STATUSES[place % len(vocabulary.DETAIL_STATUSES)]
        detail["source"] = vocabulary.DETAIL_SOURCES[place % len(vocabulary.DETAIL_SOURCES)]
    put_document(fresh_ledger, jobs=[{**WHOLE["jobs"][0], "executionDetails": details}])
    with client_of(fresh_ledger) as client:
        (job,) = shown(client, EXTERNAL_ID)["jobs"]
    assert job["executionDetails"] == details


@pytest.mark.acceptance("S3-22", "S3-23")
@pytest.mark.parametrize(("notification_id", "status"), [("f" * 24, 404), ("malformed", 400)])
def test_the_client_raises_the_vendors_error(novu: Novu, notification_id: str, status: int) -> None:
    """Its own ErrorDto, read from the body."""
    with pytest.raises(models.ErrorDto) as raised:
        novu.notifications.retrieve(notification_id=notification_id)
    assert raised.value.data.status_code == raised.value.status_code == status
    assert raised.value.data.path == f"/novu/v1/notifications/{notification_id}"


@pytest.mark.acceptance("S3-01", "S3-36")
@pytest.mark.parametrize(("secret", "status"), [("wrong", 401), (secret_of(OTHER_TENANT), 404)])
def test_the_client_with_another_key_reads_nothing(fresh_ledger: Served, secret: str, status: int) -> None:
    """An unknown one, and one of another tenant."""
    with client_of(fresh_ledger, secret) as client, pytest.raises(models.ErrorDto) as raised:
        client.notifications.retrieve(notification_id=vendor_samples("novu")[0].row["_id"])
    assert raised.value.status_code == status
