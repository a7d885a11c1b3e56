"""The write side: states facts and puts them into the log."""

from ledger_producers.emitter import Emitter

__all__ = ["Emitter"]
