"""Where everything lies below the data directory."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ledger_schemas.errors import SettingInvalid


def prepare_data_dir(data_dir: Path) -> Path:
    """Make the data directory if need be and return it. Raises SettingInvalid when it cannot be made or written."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise SettingInvalid(
            f"data_dir: {data_dir} cannot be used ({error.strerror}).",
            hint="Name a directory that this user can write, with --data-dir or NOTIFICATION_LEDGER_DATA_DIR.",
            field="data_dir",
        ) from error
    return data_dir


def read_model_path(data_dir: Path) -> Path:
    """Return the DuckDB file of the read model; one process writes it, none beside it can open it meanwhile."""
    return data_dir / "read_model.duckdb"


def run_file(data_dir: Path) -> Path:
    """Return the note that a running ledger leaves: a JSON object with `api_url` and more, gone when it stops."""
    return data_dir / "run.json"


def kafka_dir(data_dir: Path) -> Path:
    """Return the directory of the native broker."""
    return data_dir / "kafka"


def snapshots_dir(data_dir: Path) -> Path:
    """Return the directory that snapshots are published to."""
    return data_dir / "snapshots"


def next_snapshot(data_dir: Path) -> Path:
    """Return the name of a snapshot that does not exist yet: the numbers go up."""
    folder = snapshots_dir(data_dir)
    taken = [int(path.stem) for path in folder.glob("*.duckdb") if path.stem.isdigit()]
    return folder / f"{1 + max(taken, default=0):06}.duckdb"
