"""One page of a user's notifications, and what stands beside it, from one snapshot."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import URL

from ledger_queries.dialects.easir.failures import wrong
from ledger_queries.dialects.easir.fields import SAID, Recorded, notification_of
from ledger_queries.dialects.easir.read_times import read_times
from ledger_queries.filters import Filter, Grain
from ledger_queries.finding import Page, find_inbox_entries, find_total
from ledger_queries.reading import Reading
from ledger_queries.recorded import contents_of
from ledger_schemas import limits


def list_notifications(reading: Reading, asked: Filter, page: int, per_page: int, url: URL) -> dict[str, Any]:
    """Return the answer to a list: the page's rows that the filter finds, and the numbers of all.

    `asked` names the user and leaves deleted entries out. Raises RequestValidationError for a page that lies deeper
    than PAGE_OFFSET_MAX rows.
    """
    total = find_total(reading, Grain.INBOX_ENTRY, asked)
    unread = find_total(reading, Grain.INBOX_ENTRY, asked.model_copy(update={"read": False}))
    pages = -(-total // per_page)
    return {
        "data": _rows(reading, asked, page, per_page) if page <= pages else [],
        "pagination": {
            "total": total,
            "page": page,
            "per_page": per_page,
            "urls": {
                "previous": str(url.include_query_params(page=min(page - 1, max(pages, 1)))) if page > 1 else None,
                "next": str(url.include_query_params(page=page + 1)) if page < pages else None,
            },
            "unread": unread,
        },
    }


def _rows(reading: Reading, asked: Filter, page: int, per_page: int) -> list[dict[str, Any]]:
    offset = (page - 1) * per_page
    if offset > limits.PAGE_OFFSET_MAX:
        raise wrong("page", f"must not lie deeper than PAGE_OFFSET_MAX = {limits.PAGE_OFFSET_MAX} rows")
    found = find_inbox_entries(reading, asked, Page(limit=per_page, offset=offset))
    return [
        notification_of(Recorded(entry, content, read_at))
        for entry, content, read_at in zip(
            found.rows, contents_of(reading, found.numbers, SAID), read_times(reading, found), strict=True
        )
    ]
