"""The commands `list`, `get`, `count` and `badge`: the questions of the API, asked from a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from ledger_infra.cli.options import DataDir, JsonOutput
from ledger_infra.cli.read_sources import Source, open_source
from ledger_infra.cli.render import print_badge, print_count, print_detail, print_json, print_page, print_progress
from ledger_infra.settings import load_settings
from ledger_queries.answers import AnyPage
from ledger_queries.content_filter import REPEATABLE, ContentFilter
from ledger_queries.filters import Filter, Grain, GroupBy, checked_model
from ledger_queries.parameters import (
    WAIT_SECONDS_DEFAULT,
    BadgeQuery,
    Consistency,
    EntryCountQuery,
    EntryListQuery,
    NotificationQuery,
    Part,
)
from ledger_queries.sorting import SortBy
from ledger_schemas import limits
from ledger_schemas.errors import BadRequest
from ledger_schemas.json_texts import NAME_SHOWN_CHARS
from ledger_schemas.kinds import Kind

_Tenant = Annotated[str, typer.Option(help="Whose notifications; required always.")]
_Grain = Annotated[Grain, typer.Option(help="What one row stands for.")]
_Recipient = Annotated[str | None, typer.Option(help="Only what this recipient has.")]
_Channel = Annotated[str | None, typer.Option(help="Only what goes over this channel.")]
_Reached = Annotated[list[Kind] | None, typer.Option(help="Only rows that reached this kind; may be repeated.")]
_NotReached = Annotated[
    list[Kind] | None, typer.Option(help="Only rows that never reached this kind; may be repeated.")
]
_Seen = Annotated[
    bool | None,
    typer.Option("--seen/--not-seen", help="Only rows that a person has (not) seen; inbox entries and deliveries."),
]
_Read = Annotated[bool | None, typer.Option("--read/--not-read", help="Only rows that are (not) read now; likewise.")]
_Archived = Annotated[
    bool | None, typer.Option("--archived/--not-archived", help="Only rows that are (not) put away now; likewise.")
]
_Snoozed = Annotated[
    bool | None, typer.Option("--snoozed/--not-snoozed", help="Only rows that are (not) put off now; likewise.")
]
_Deleted = Annotated[
    bool | None, typer.Option("--deleted/--not-deleted", help="Only rows that were (not) removed; likewise.")
]
_CreatedFrom = Annotated[str | None, typer.Option(help="Only rows listed at or after this time (RFC 3339).")]
_CreatedBefore = Annotated[str | None, typer.Option(help="Only rows listed before this time (RFC 3339).")]
_Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help=f"Only what says so; may be repeated. NAME is one of {', '.join(ContentFilter.model_fields)}. Of several "
        "values of one name any holds, of tag and context all.",
    ),
]
_AtLeast = Annotated[str | None, typer.Option(help="A position that the answer must have reached.")]
_WaitSeconds = Annotated[float, typer.Option(help="How long a running API may wait for that position.")]
_Url = Annotated[str | None, typer.Option(help="Base URL of a running API; default: look in the data directory.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`. They raise LedgerError; whoever runs `app` prints it and exits."""
    app.command("list")(list_command)
    app.command("get")(get_command)
    app.command("count")(count_command)
    app.command("badge")(badge_command)


def list_command(
    *,
    tenant: _Tenant,
    grain: _Grain = Grain.NOTIFICATION,
    recipient: _Recipient = None,
    channel: _Channel = None,
    reached: _Reached = None,
    not_reached: _NotReached = None,
    seen: _Seen = None,
    read: _Read = None,
    archived: _Archived = None,
    snoozed: _Snoozed = None,
    deleted: _Deleted = None,
    created_from: _CreatedFrom = None,
    created_before: _CreatedBefore = None,
    where: _Where = None,
    sort: Annotated[
        str | None,
        typer.Option(help=f"Keys with commas, a minus before one means down: {', '.join(SortBy)}.", metavar="KEYS"),
    ] = None,
    limit: Annotated[int, typer.Option(help="Rows of one page, at most.")] = limits.PAGE_ROWS_DEFAULT,
    cursor: Annotated[str | None, typer.Option(help="The cursor that the page before ended with.")] = None,
    offset: Annotated[int, typer.Option(help="Rows to pass over.")] = 0,
    total: Annotated[bool, typer.Option("--total", help="Also count all rows that the filter finds.")] = False,
    follow_all: Annotated[bool, typer.Option("--all", help="Follow all pages, to the last row.")] = False,
    at_least: _AtLeast = None,
    wait_seconds: _WaitSeconds = WAIT_SECONDS_DEFAULT,
    url: _Url = None,
    data_dir: DataDir = None,
    as_json: JsonOutput = False,
) -> None:
    """List notifications, inbox entries or deliveries, newest first.

    Example: `notification-ledger list --tenant acme --where type=invoice --where priority=HIGH --sort -due_at --total`
    """
    query = checked_model(
        EntryListQuery,
        tenant=tenant,
        recipient=recipient,
        channel=channel,
        reached=reached or (),
        not_reached=not_reached or (),
        seen=seen,
        read=read,
        archived=archived,
        snoozed=snoozed,
        deleted=deleted,
        created_from=created_from,
        created_before=created_before,
        limit=limit,
        cursor=cursor,
        offset=offset,
        sort=sort,
        total=total,
        **_conditions(where or ()),
        at_least=at_least,
        wait_seconds=wait_seconds,
    )
    asked = query.as_filter().checked(grain)
    with open_source(load_settings(data_dir=data_dir), url) as source:
        part = Part.model_validate({name: getattr(query, name) for name in Part.model_fields})
        page = source.list(grain, asked, _fresh(query), part)
        if follow_all:
            page = _followed(source, page, asked, part)
    if as_json:
        print_json(page)
    else:
        print_page(page)


def count_command(
    *,
    tenant: _Tenant,
    grain: _Grain = Grain.NOTIFICATION,
    recipient: _Recipient = None,
    channel: _Channel = None,
    reached: _Reached = None,
    not_reached: _NotReached = None,
    seen: _Seen = None,
    read: _Read = None,
    archived: _Archived = None,
    snoozed: _Snoozed = None,
    deleted: _Deleted = None,
    created_from: _CreatedFrom = None,
    created_before: _CreatedBefore = None,
    where: _Where = None,
    group_by: Annotated[GroupBy | None, typer.Option(help="Also count per recipient, channel or kind.")] = None,
    at_least: _AtLeast = None,
    wait_seconds: _WaitSeconds = WAIT_SECONDS_DEFAULT,
    url: _Url = None,
    data_dir: DataDir = None,
    as_json: JsonOutput = False,
) -> None:
    """Count what `list` with the same options lists.

    Unread by recipient: --grain inbox_entry --not-read --group-by recipient.
    """
    query = checked_model(
        EntryCountQuery,
        tenant=tenant,
        recipient=recipient,
        channel=channel,
        reached=reached or (),
        not_reached=not_reached or (),
        seen=seen,
        read=read,
        archived=archived,
        snoozed=snoozed,
        deleted=deleted,
        created_from=created_from,
        created_before=created_before,
        group_by=group_by,
        **_conditions(where or ()),
        at_least=at_least,
        wait_seconds=wait_seconds,
    )
    asked = query.as_filter().checked(grain)
    with open_source(load_settings(data_dir=data_dir), url) as source:
        answer = source.count(grain, asked, _fresh(query), group_by=query.group_by)
    if as_json:
        print_json(answer)
    else:
        print_count(answer)


def get_command(
    notification_id: Annotated[str, typer.Argument(help="The notification's id, a UUID.")],
    *,
    tenant: _Tenant,
    at_least: _AtLeast = None,
    wait_seconds: _WaitSeconds = WAIT_SECONDS_DEFAULT,
    url: _Url = None,
    data_dir: DataDir = None,
    as_json: JsonOutput = False,
) -> None:
    """Get one notification with everything below it and its whole timeline."""
    query = checked_model(NotificationQuery, tenant=tenant, at_least=at_least, wait_seconds=wait_seconds)
    asked = _parse_id(notification_id)
    with open_source(load_settings(data_dir=data_dir), url) as source:
        detail = source.get(query.tenant, asked, _fresh(query))
    if as_json:
        print_json(detail)
    else:
        print_detail(detail)


def badge_command(
    *,
    tenant: _Tenant,
    recipient: Annotated[str, typer.Option(help="Whose badge.")],
    at_least: _AtLeast = None,
    wait_seconds: _WaitSeconds = WAIT_SECONDS_DEFAULT,
    url: _Url = None,
    data_dir: DataDir = None,
    as_json: JsonOutput = False,
) -> None:
    """Look up how many inbox entries a recipient has, unread and otherwise, on every shelf."""
    query = checked_model(BadgeQuery, tenant=tenant, recipient=recipient, at_least=at_least, wait_seconds=wait_seconds)
    with open_source(load_settings(data_dir=data_dir), url) as source:
        answer = source.badge(query.tenant, query.recipient, _fresh(query))
    if as_json:
        print_json(answer)
    else:
        print_badge(answer)


def _followed(source: Source, first: AnyPage, asked: Filter, part: Part) -> AnyPage:
    """Return all rows from `first` on as one page.

    Its position is that of the first page, the earliest: every row reflects at least that.
    """
    rows, page = [*first.rows], first
    fresh = Consistency(at_least=first.position)
    while page.next is not None:
        print_progress(len(rows))
        following = part.model_copy(update={"cursor": page.next, "offset": 0, "total": False})
        page = source.list(first.grain, asked, fresh, following)
        rows += page.rows
    return first.model_copy(update={"rows": rows, "next": None})


def _conditions(where: Sequence[str]) -> dict[str, str | list[str]]:
    """Return conditions on content, by name. Raises BadRequest for one that there is not, or a single one twice."""
    found: dict[str, str | list[str]] = {}
    for condition in where:
        name, equals, value = condition.partition("=")
        if not equals or name not in ContentFilter.model_fields:
            raise BadRequest(
                f"where: {name[:NAME_SHOWN_CHARS]!r} is no condition, or has no value.",
                hint=f"Write NAME=VALUE with one of {', '.join(ContentFilter.model_fields)}.",
                field="where",
            )
        if name in REPEATABLE:
            found[name] = [*found.get(name, []), value]
        elif name in found:
            raise BadRequest(f"where: {name} is given more than once.", hint="Give it once.", field="where")
        else:
            found[name] = value
    return found


def _fresh(query: Consistency) -> Consistency:
    return Consistency(at_least=query.at_least, wait_seconds=query.wait_seconds)


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadRequest(
            "notification_id: is not a UUID.", hint="It has 36 characters; `list` shows it.", field="notification_id"
        ) from None
