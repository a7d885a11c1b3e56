"""Loads the statements of this package: `.sql` files in which a comment says which parameter a line depends on.

A line that ends in `-- when NAME` stays only when the parameter NAME is given. Lines between a line `-- when NAME` and
the next line `-- end when` stay or go as one; inside, single lines may depend on a further parameter. A line
`-- insert NAME` gives way to the fragment NAME: names of columns, such as an order goes by, or one line for each kind.
Every file is valid SQL with all of its lines. No value ever becomes part of a statement.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from ledger_schemas.kinds import DATED, Kind

_BLOCK_BEGINS: Final = re.compile(r"^\s*-- when (?P<name>\w+)$")
_BLOCK_ENDS: Final = re.compile(r"^\s*-- end when$")
_INSERT: Final = re.compile(r"^\s*-- insert (?P<name>\w+)$")
_LINE_DEPENDS: Final = re.compile(r"\s*-- when (?P<name>\w+)$")


def statement(name: str, given: Collection[str], fragments: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the statement of `sql/NAME.sql` for a call that gives these parameters and fragments."""
    kept: list[str] = []
    inside = True
    for line in _text(name).splitlines():
        if begins := _BLOCK_BEGINS.match(line):
            inside = begins["name"] in given
        elif _BLOCK_ENDS.match(line):
            inside = True
        elif insert := _INSERT.match(line):
            kept.append(fragments.get(insert["name"], ""))
        elif inside:
            depends = _LINE_DEPENDS.search(line)
            if depends is None or depends["name"] in given:
                kept.append(line[: depends.start()] if depends else line)
    return "\n".join(kept)


def reaches(kind: Kind) -> str:
    """Return the condition that a row of any grain reached a kind."""
    return f"(first_{kind}_at IS NOT NULL)" if kind in DATED else f"reached(facts, '{kind}')"


def over_filter(
    folder: str, name: str, given: Collection[str], fragments: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return a statement that reads from `filtered`, the rows that the filter file of `folder` leaves.

    Lists and counts are put together here, so both stand on the same filter.
    """
    reached = [f"    AND {reaches(kind)} = $reached_{kind}" for kind in Kind if f"reached_{kind}" in given]
    filtering = statement(f"{folder}/filter", given, {"reached": "\n".join(reached)})
    tables = [f"filtered AS NOT MATERIALIZED (\n{filtering}\n)"]
    if "content_asked" in given:
        tables.insert(0, f"content_asked AS MATERIALIZED (\n{statement('content_asked', given)}\n)")
    return f"WITH {', '.join(tables)}\n{statement(name, given, fragments)}"


@cache
def _text(name: str) -> str:
    return files("ledger_queries").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
