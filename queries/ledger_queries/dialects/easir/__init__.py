"""The dialect of EASI'R: the notifications of one user, custom ones, and the devices that receive them."""

from ledger_queries.dialects.easir.app import easir_app

__all__ = ["easir_app"]
