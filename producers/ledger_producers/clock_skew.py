"""Clock skew: a fact that lies further ahead than a clock may differ is a mistake, refused where it can be mended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ledger_schemas import limits
from ledger_schemas.errors import LimitExceeded
from ledger_schemas.events import Event

Clock = Callable[[], datetime]
"""Says what time it is, with its zone."""


def system_clock() -> datetime:
    """Return the time by this machine's clock."""
    return datetime.now(UTC)


def check_clock_skew(event: Event, now: datetime) -> None:
    """Check that `occurred_at` is not further ahead of `now` than CLOCK_SKEW_SECONDS_MAX.

    The past has no limit, since histories are imported. Raises LimitExceeded with field `occurred_at`.
    """
    # Compared this way round, since the sum could pass the last instant that a calendar shows.
    if event.occurred_at > now and event.occurred_at - now > timedelta(seconds=limits.CLOCK_SKEW_SECONDS_MAX):
        ahead = (event.occurred_at - now).total_seconds()
        raise LimitExceeded(
            f"occurred_at lies {ahead:.0f} s ahead of the emitter's clock; CLOCK_SKEW_SECONDS_MAX is "
            f"{limits.CLOCK_SKEW_SECONDS_MAX:g}.",
            hint="Check the clock and the time zone of the service that states the fact.",
            field="occurred_at",
        )
