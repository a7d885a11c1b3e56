"""Reads the log: records in columns, batches of them from a position on, and the guards that refuse another log."""
