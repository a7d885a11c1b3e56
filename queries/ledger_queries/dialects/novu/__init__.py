"""Novu's notifications API: one event of a workflow, with its jobs and what became of each."""

from ledger_queries.dialects.novu.app import novu_app

__all__ = ["novu_app"]
