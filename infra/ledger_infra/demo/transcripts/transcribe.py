"""From a sample of any vendor to its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ledger_infra.demo.transcripts.easir import transcribe_easir
from ledger_infra.demo.transcripts.nextinteract import transcribe_nextinteract
from ledger_infra.demo.transcripts.novu import transcribe_novu
from ledger_infra.demo.transcripts.realtimeregister import transcribe_realtimeregister
from ledger_infra.demo.transcripts.sample import Sample, Vendor
from ledger_infra.demo.transcripts.suger import transcribe_suger
from ledger_schemas import Event

_TRANSCRIBERS: Final[Mapping[Vendor, Callable[[Sample], list[Event]]]] = {
    "suger": transcribe_suger,
    "realtimeregister": transcribe_realtimeregister,
    "novu": transcribe_novu,
    "nextinteract": transcribe_nextinteract,
    "easir": transcribe_easir,
}


def transcribe(sample: Sample) -> list[Event]:
    """Return the events that one sample states: its `created` first, then the facts that follow from it.

    The same sample gives the same events, ids included, at every call. Raises ContractViolation when a value of the
    sample has no room in the contract, KeyError when the sample lacks a field that its vendor always gives.
    """
    return _TRANSCRIBERS[sample.vendor](sample)
