"""Facts from the future are refused where they can be mended: at the emitter, by its clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ledger_producers import Emitter
from ledger_producers.clock_skew import check_clock_skew
from ledger_schemas import limits
from ledger_schemas.errors import LimitExceeded
from tests.conftest import Kafka
from tests.producers.the_log import Record, fired, log_of, with_topic

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SKEW = timedelta(seconds=limits.CLOCK_SKEW_SECONDS_MAX)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize("when", [NOW, NOW + SKEW, NOW - timedelta(days=365 * 50), datetime.min.replace(tzinfo=UTC)])
def test_the_past_and_a_small_skew_are_facts(when: datetime) -> None:
    """Histories are imported, and clocks differ: both are taken, up to the limit itself."""
    check_clock_skew(fired(occurred_at=when), NOW)


@pytest.mark.parametrize("when", [NOW + SKEW + TICK, NOW + timedelta(hours=1), datetime.max.replace(tzinfo=UTC)])
def test_what_lies_further_ahead_is_refused(when: datetime) -> None:
    """The error names field, limit and value, and what to check."""
    with pytest.raises(LimitExceeded, match=r"CLOCK_SKEW_SECONDS_MAX is 900\.") as refused:
        check_clock_skew(fired(occurred_at=when), NOW)
    assert refused.value.field == "occurred_at"
    assert f"{(when - NOW).total_seconds():.0f} s ahead" in refused.value.message
    assert "time zone" in refused.value.hint


def test_one_event_from_the_future_refuses_the_whole_call(kafka: Kafka, topic_name: str) -> None:
    """By the emitter's own clock; the field begins with the index, and nothing is written."""

    async def scenario() -> list[Record]:
        spec = await with_topic(kafka, topic_name, 1)
        late, early = fired(occurred_at=NOW), fired(occurred_at=NOW + SKEW + TICK)
        async with Emitter(kafka.connection, source="shop", topic=spec, clock=lambda: NOW) as emitter:
            with pytest.raises(LimitExceeded) as refused:
                await emitter.put_many([late, early])
            assert refused.value.field == "1.occurred_at"
            with pytest.raises(LimitExceeded) as refused:
                await emitter.put(early)
            assert refused.value.field == "occurred_at"
            empty = await log_of(kafka, spec)
            await emitter.put(late)
        async with Emitter(kafka.connection, source="shop", topic=spec, clock=lambda: NOW + TICK) as emitter:
            await emitter.put(early)
        assert empty == []
        return await log_of(kafka, spec)

    assert [record.event.occurred_at for record in asyncio.run(scenario())] == [NOW, NOW + SKEW + TICK]
