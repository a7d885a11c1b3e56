"""The only writer of DuckDB: reads the log, folds it into read models, rebuilds and publishes them."""

from ledger_projectors.read_model import ReadModel
from ledger_projectors.records import BatchOutcome, LogRecord, Reason

__all__ = ["BatchOutcome", "LogRecord", "ReadModel", "Reason"]
