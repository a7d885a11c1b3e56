"""Times as vendors write them: RFC 3339 in UTC. What is finer is cut, so that a time is never later than it was."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_milliseconds(time: datetime) -> str:
    """Return a time with milliseconds: `2025-12-01T10:00:00.120Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_seconds(time: datetime) -> str:
    """Return a time with whole seconds: `2025-10-01T08:15:30Z`."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
