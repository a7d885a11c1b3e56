"""What several dialects ask of query parameters: none that nobody reads, and none twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection

from fastapi import Request

from ledger_schemas.errors import BadRequest
from ledger_schemas.json_texts import NAME_SHOWN_CHARS


def only(names: Collection[str]) -> Callable[[Request], Awaitable[None]]:
    """Make a dependency that refuses other query parameters than these, and one that is given twice.

    Without it a misspelt filter would be dropped and the answer would be to another question.
    """

    async def refuse_others(request: Request) -> None:
        for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
            shown = name[:NAME_SHOWN_CHARS]
            if name not in names:
                raise BadRequest(
                    f"There is no query parameter {shown!r} here.", hint=f"Allowed are {', '.join(names)}.", field=shown
                )
            if times > 1:
                raise BadRequest(f"{name}: is given more than once.", hint="Give it once.", field=name)

    return refuse_others
