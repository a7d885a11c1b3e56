"""Where the published contract, its guide and its emitters lie, and where their tools are kept between runs."""

from pathlib import Path
from typing import Final

from ledger_infra.broker.artifacts import default_cache_dir

ROOT: Final = Path(__file__).resolve().parents[2]
CONTRACT: Final = ROOT / "schemas" / "contract"
AVSC_FOLDER: Final = ROOT / "schemas" / "ledger_schemas" / "avro"
GUIDE: Final = ROOT / "infra" / "guides" / "emitting.md"
EMITTERS: Final = ROOT / "infra" / "guides" / "emitters"


def tool_cache(name: str) -> Path:
    """Return a folder outside of the repository that keeps what a tool downloads."""
    return default_cache_dir() / name
