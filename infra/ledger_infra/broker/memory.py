"""Say how much memory this process could still take, so that a broker is refused before it starves the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MIB: Final = 1 << 20
_KIB: Final = 1 << 10


def available_mib(root: Path = Path("/")) -> int | None:
    """Return the MiB of memory that are free for this process, or None where that cannot be told.

    The smaller of the machine's `MemAvailable` and what every control group above this process leaves, page cache that
    can be dropped not counted as taken. `root` is the folder that holds `proc` and `sys`.
    """
    known = [value for value in (_machine(root), *_control_groups(root)) if value is not None]
    return min(known) // MIB if known else None


def _machine(root: Path) -> int | None:
    fields = _fields(root / "proc" / "meminfo")
    return fields["MemAvailable:"] * _KIB if "MemAvailable:" in fields else None


def _control_groups(root: Path) -> list[int | None]:
    """Look at version 2 and version 1 control groups, from this process's own group up to the top."""
    left: list[int | None] = []
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return left
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            top = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = Path(path.lstrip("/"))
        left += [_left_in_group(top / above, *names) for above in (group, *group.parents)]
    return left


def _left_in_group(folder: Path, limit_name: str, usage_name: str, cache_field: str) -> int | None:
    limit = _number(folder / limit_name)
    usage = _number(folder / usage_name)
    if limit is None or usage is None:
        return None
    return limit - usage + _fields(folder / "memory.stat").get(cache_field, 0)


def _number(path: Path) -> int | None:
    """Return the number in a file, or None when there is none (`max` is none)."""
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _fields(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) > 1 and pair[1].isdigit()}
