"""The write side: states facts and puts them into the log."""

from ledger_producers.emitter import Emitter
from ledger_schemas.ids import hash_id

__all__ = ["Emitter", "hash_id"]
