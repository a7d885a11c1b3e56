from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from ledger_queries import Filter, Grain, GroupBy, count_rows, list_rows, open_reading
from ledger_queries.reading import require
from ledger_queries.sql import over_filter, statement
from ledger_schemas.errors import BadRequest, GuardRefused, PositionInvalid, ReadModelBehind
from ledger_schemas.kinds import Kind
from ledger_schemas.positions import Position
from ledger_schemas.topic import DIRECTORY_TOPIC

from .builder import STATES, TOPIC, Entry, Model, Notification, Sent, at, insert, move_to, numbered

ASKED = Filter(tenant="acme")
OF_NOTIFICATIONS = (Kind.AMENDED, Kind.AUDIENCE_ADDED, Kind.RETRACTED)


def test_everything_read_together_is_of_one_position(tmp_path: Path) -> None:
    """Rows and position that are committed during a reading are not in it; list, count and position agree."""
    with contextlib.closing(Model(tmp_path / "read_model.duckdb", partitions=3)) as model:
        insert(model, [Notification(numbered(1))])
        move_to(model, 10, 0, 7)
        before = position_of(model)

        with open_reading(model.cursor) as reading:
            insert(model, [Notification(numbered(2))])
            counted = count_rows(reading, Grain.NOTIFICATION, ASKED)
            listed = list_rows(reading, Grain.NOTIFICATION, ASKED)

        assert (counted.total, len(listed.rows)) == (1, 1)
        assert before == listed.position == counted.position
        with open_reading(model.cursor) as later:
            assert count_rows(later, Grain.NOTIFICATION, ASKED).total == 2
            assert before != position_of(model) == str(later.position)


def test_a_reading_knows_all_partitions_of_its_file(tmp_path: Path) -> None:
    """Those that nothing was read of yet are among them: their events will come."""
    with contextlib.closing(Model(tmp_path / "read_model.duckdb", partitions=3)) as model:
        move_to(model, 0, 7, 0)
        with open_reading(model.cursor) as reading:
            assert reading.partitions == {(TOPIC, 0), (TOPIC, 1), (TOPIC, 2), (DIRECTORY_TOPIC, 0)}
            for last in ("0:1", "2:1"):
                with pytest.raises(ReadModelBehind):
                    require(reading, Position.parse(f"{TOPIC}@{last}"))
            with pytest.raises(
                PositionInvalid, match=rf"partition 3 of {TOPIC}; it has .*, partitions 0 to 2 of {TOPIC}\."
            ):
                require(reading, Position.parse(f"{TOPIC}@1:7,3:1"))


def position_of(model: Model) -> str:
    """Return the position as answers write it: partitions that nothing was read of are left out."""
    ends = [f"{partition}:{offset}" for partition, offset in enumerate(model.next_offsets()) if offset]
    return f"{TOPIC}@{','.join(ends)}"


def test_a_reading_cannot_write(model: Model) -> None:
    """The read side's transactions are read-only, whatever a statement says."""
    with open_reading(model.cursor) as reading, pytest.raises(duckdb.Error, match="read-only"):
        reading.rows("DELETE FROM notification_rows", {})


def test_a_reading_is_refused_on_the_event_loop(model: Model) -> None:
    """DuckDB blocks its thread, so a reading on the event loop's own is a fault of the caller."""

    async def on_the_loop() -> None:
        with open_reading(model.cursor):
            pass

    with pytest.raises(RuntimeError, match="worker thread"):
        asyncio.run(on_the_loop())


def test_the_first_and_the_last_instant_are_answered_in_every_time_zone(model: Model) -> None:
    """A cursor starts with the machine's time zone, in which they may not exist; answers and pages are in UTC."""
    model.execute("SET GLOBAL TimeZone = 'Asia/Kathmandu'")
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    insert(model, [Notification(numbered(1), listed_at=first), Notification(numbered(2), listed_at=last)])

    with open_reading(model.cursor) as reading:
        page = list_rows(reading, Grain.NOTIFICATION, ASKED, limit=1)
        following = list_rows(reading, Grain.NOTIFICATION, ASKED, limit=1, cursor=page.next)

    # A record is never recorded later than that: the log counts milliseconds.
    assert '"listed_at":"9999-12-31T23:59:59.999000Z"' in page.model_dump_json()
    assert '"listed_at":"0001-01-01T00:00:00.000000Z"' in following.model_dump_json()
    assert following.next is None


@pytest.mark.parametrize("change", ["DELETE FROM read_model", "ALTER TABLE read_model DROP version"])
def test_a_file_that_states_no_version_is_refused(model: Model, change: str) -> None:
    """A file that does not say which version of the fold made it, as older ones, answers nothing."""
    model.execute(change)
    with pytest.raises(GuardRefused, match="another version") as refused, open_reading(model.cursor):
        pass
    assert "notification-ledger rebuild" in refused.value.hint


@pytest.mark.parametrize(
    ("grain", "asked", "field"),
    [
        *((Grain.NOTIFICATION, Filter.model_validate({"tenant": "acme", name: False}), name) for name in STATES),
        (Grain.NOTIFICATION, Filter(tenant="acme", inbox_entry_id=numbered(1)), "inbox_entry_id"),
        (Grain.DELIVERY, Filter(tenant="acme", inbox_entry_id=numbered(1)), "inbox_entry_id"),
        *((grain, Filter(tenant="acme", reached=(Kind.OBSERVED,)), "reached") for grain in Grain),
        *((Grain.INBOX_ENTRY, Filter(tenant="acme", reached=(kind,)), "reached") for kind in OF_NOTIFICATIONS),
        (Grain.INBOX_ENTRY, Filter(tenant="acme", reached=(Kind.CREATED,)), "reached"),
        (Grain.DELIVERY, Filter(tenant="acme", not_reached=(Kind.CREATED,)), "not_reached"),
        (Grain.DELIVERY, Filter(tenant="acme", reached=(Kind.READ,), not_reached=(Kind.READ,)), "not_reached"),
        (Grain.DELIVERY, Filter(tenant="acme", created_from=at(1), created_before=at(0)), "created_before"),
    ],
)
def test_a_question_that_no_row_can_answer_is_refused(model: Model, grain: Grain, asked: Filter, field: str) -> None:
    """List and count refuse alike, and name the field, instead of answering with nothing."""
    with open_reading(model.cursor) as reading:
        with pytest.raises(BadRequest) as listed:
            list_rows(reading, grain, asked)
        with pytest.raises(BadRequest) as counted:
            count_rows(reading, grain, asked)
    assert field == listed.value.field == counted.value.field


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_size_outside_its_limits_is_refused(model: Model, limit: int) -> None:
    """A page has 1 to PAGE_ROWS_MAX rows, also for callers that do not come over HTTP."""
    with open_reading(model.cursor) as reading, pytest.raises(BadRequest, match="PAGE_ROWS_MAX"):
        list_rows(reading, Grain.NOTIFICATION, ASKED, limit=limit)


def test_a_recipient_and_a_channel_together_mean_one_delivery(model: Model) -> None:
    """A notification that ann has by email and bob by push is not one that ann has by push."""
    insert(model, [Notification(numbered(1), entries=[Entry("ann", [Sent("email")]), Entry("bob", [Sent("push")])])])
    with open_reading(model.cursor) as reading:
        totals = {
            (recipient, channel): count_rows(
                reading, Grain.NOTIFICATION, Filter(tenant="acme", recipient=recipient, channel=channel)
            ).total
            for recipient in ("ann", "bob")
            for channel in ("email", "push")
        }
    assert totals == {("ann", "email"): 1, ("ann", "push"): 0, ("bob", "email"): 0, ("bob", "push"): 1}


def test_a_notification_is_counted_once_in_each_of_its_groups(model: Model) -> None:
    """Several deliveries over one channel, to one or many recipients, are one notification of that channel."""
    entries = [Entry("ann", [Sent("push", "d1"), Sent("push", "d2")]), Entry("bob", [Sent("push"), Sent("email")])]
    insert(model, [Notification(numbered(1), entries=entries)])
    with open_reading(model.cursor) as reading:
        by_channel = count_rows(reading, Grain.NOTIFICATION, ASKED, group_by=GroupBy.CHANNEL)
        by_recipient = count_rows(reading, Grain.NOTIFICATION, ASKED, group_by=GroupBy.RECIPIENT)
    assert [(group.name, group.count) for group in by_channel.groups or ()] == [("email", 1), ("push", 1)]
    assert [(group.name, group.count) for group in by_recipient.groups or ()] == [("ann", 1), ("bob", 1)]
    assert by_channel.total == by_recipient.total == 1


def test_groups_are_cut_at_their_limit_and_say_so(model: Model) -> None:
    """GROUPS_MAX groups are complete; of one more, the largest are kept and the answer says that it is cut."""
    everybody = [Entry(f"r{number:04}") for number in range(1001)]
    insert(model, [Notification(numbered(1), entries=everybody), Notification(numbered(2), entries=everybody[1000:])])
    with open_reading(model.cursor) as reading:
        cut = count_rows(reading, Grain.INBOX_ENTRY, ASKED, group_by=GroupBy.RECIPIENT)
        whole = count_rows(
            reading, Grain.INBOX_ENTRY, Filter(tenant="acme", recipient="r1000"), group_by=GroupBy.RECIPIENT
        )
    assert cut.groups is not None
    assert (
        len(cut.groups),
        cut.groups_complete,
        (cut.groups[0].name, cut.groups[0].count),
    ) == (1000, False, ("r1000", 2))
    assert (len(whole.groups or ()), whole.groups_complete) == (1, True)


@pytest.mark.parametrize("folder", ["notifications", "inbox_entries", "deliveries"])
def test_a_condition_is_there_when_its_parameter_is_and_only_then(folder: str) -> None:
    """The loader leaves a `-- when` line out unless its parameter is given; the tenant is in every filter."""
    bare = statement(f"{folder}/filter", {"tenant"})
    narrowed = statement(f"{folder}/filter", {"tenant", "recipient", "channel"})
    assert "$tenant" in bare
    assert "$recipient" not in bare
    assert "$channel" not in bare
    assert "$recipient" in narrowed
    assert "$channel" in narrowed
    assert "-- when" not in over_filter(folder, f"{folder}/page", {"tenant", "rows", "after_listed_at"})
