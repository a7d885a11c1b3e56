"""The notifications of five vendors' own API documents, as lifecycle events.

`samples/<vendor>.json` holds one sample per notification, in the vendor's own shape, below a heading. EASI'R's and
NextInteract's are transcribed from their documents; the documents of the other three hold placeholders only, so theirs
are invented in the same shapes.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final, get_args

from ledger_infra.demo.transcripts import Sample, Vendor, transcribe
from ledger_schemas import Event

VENDORS: Final[tuple[Vendor, ...]] = get_args(Vendor)


def vendor_samples(vendor: Vendor) -> list[Sample]:
    """Return the samples of one vendor, in the order of its document."""
    text = (files(__package__) / "samples" / f"{vendor}.json").read_text(encoding="utf-8")
    ids: set[str | int] = set()
    samples = []
    for each in json.loads(text)["samples"]:
        row = each["notification"]
        samples.append(Sample(vendor, each["heading"], row, id_repeats=row.get("id") in ids))
        ids |= {row["id"]} if "id" in row else set()
    return samples


def sample_events(vendor: Vendor | None = None) -> list[Event]:
    """Return the lifecycle events of one vendor's samples, or of all: the same events, ids included, at every call."""
    wanted = VENDORS if vendor is None else (vendor,)
    return [event for each in wanted for sample in vendor_samples(each) for event in transcribe(sample)]
