"""Novu's `GET /v1/notifications/{notificationId}`: what is recorded of an event comes out as the vendor shows it."""

from __future__ import annotations

import json

import pytest

from ledger_infra.demo.samples import vendor_samples
from ledger_infra.demo.transcripts import Sample

from .serving import Served, credential

SAMPLES = vendor_samples("novu")


@pytest.mark.acceptance("S3-05", "S3-06")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.heading)
def test_an_event_comes_out_as_the_sample_has_it_key_by_key(ledger: Served, sample: Sample) -> None:
    """The whole document is equal, the order of its keys included."""
    answer = ledger.client.get(f"/novu/v1/notifications/{sample.row['_id']}", headers=credential("novu"))
    assert answer.status_code == 200
    assert json.dumps(answer.json(), indent=1) == json.dumps(sample.row, indent=1)
