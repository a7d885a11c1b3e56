"""The only writer of DuckDB: reads the log, folds it into read models, rebuilds and publishes them."""

import os

# The fold has one core: the other decodes and fetches. With two it took a sixth longer (measured). Polars asks once.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
