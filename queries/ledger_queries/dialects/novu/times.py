"""Times as Novu writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(time: datetime) -> str:
    """Return a time in UTC with milliseconds, cut: `2025-12-01T10:00:00.120Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
