"""The only writer of DuckDB: reads the log, folds it into read models, rebuilds and publishes them."""

from ledger_projectors.log.records import BatchOutcome, LogRecord, Reason
from ledger_projectors.store.read_model import ReadModel

__all__ = ["BatchOutcome", "LogRecord", "ReadModel", "Reason"]
