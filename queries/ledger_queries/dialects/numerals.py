"""Whole numbers in paths and queries: decimal digits alone, where a lenient reader would take more."""

from __future__ import annotations

import re
from typing import Final

from pydantic import BeforeValidator

_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")


def _read(value: object) -> object:
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value):
            raise ValueError("must be a whole number in decimal digits")
        return int(value)
    return value


DecimalText = BeforeValidator(_read)
"""Reads an int of a path or a query as JSON writes one: no sign but minus, no leading zero, no space, no point."""
