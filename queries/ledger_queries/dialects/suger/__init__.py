"""Suger's notification events, served from the read model."""

from ledger_queries.dialects.suger.app import suger_app

__all__ = ["suger_app"]
