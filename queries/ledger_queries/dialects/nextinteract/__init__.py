"""NextInteract's sent notifications, served from the read model."""

from ledger_queries.dialects.nextinteract.app import nextinteract_app

__all__ = ["nextinteract_app"]
