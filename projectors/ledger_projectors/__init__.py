"""The only writer of DuckDB: reads the log, folds it into read models, rebuilds and publishes them."""
