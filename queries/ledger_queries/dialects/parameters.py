"""What the query parameters of several dialects have in common: whole numbers, and no parameter that nobody reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from fastapi import Request
from pydantic import BeforeValidator

from ledger_schemas.errors import BadRequest
from ledger_schemas.json_texts import NAME_SHOWN_CHARS

_DIGITS: Final = re.compile(r"-?[0-9]{1,19}")


def _whole(value: object) -> object:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        message = "must be a whole number in decimal digits"
        raise ValueError(message)
    return value


WHOLE: Final = BeforeValidator(_whole)
"""Reads a whole number as vendors write it: digits alone, not `+1`, `1.0` or `1_000`. Put it behind the bounds."""


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
