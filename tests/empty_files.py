"""Empty read model files: made once in each process, and copied, for tests that want many of them."""

import tempfile
from functools import cache
from pathlib import Path

from ledger_projectors.store.read_model import ReadModel


def put_empty_file(path: Path, *, topic: str, partitions: int) -> None:
    """Put an empty read model at `path`, where there is none: to make its tables takes longer than to open a copy."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_empty_file(topic, partitions))


@cache
def _empty_file(topic: str, partitions: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "read_model.duckdb")
        ReadModel.create_or_open(path, topic=topic, partitions=partitions).close()
        return path.read_bytes()
