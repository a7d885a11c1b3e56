"""The invariants of the projector, each with the tests that prove it, and their table in the guides."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ROWS: Final = Path(__file__).with_name("invariants.toml")
PAGE: Final = ROOT / "infra" / "guides" / "invariants.md"
BEGIN: Final = "<!-- invariants: written by `python -m tests.invariants --write` -->"
END: Final = "<!-- end of the invariants -->"


class Guarantee(StrEnum):
    """Safety: what never happens. Liveness: what happens in the end."""

    SAFETY = "safety"
    LIVENESS = "liveness"


@dataclass(frozen=True, slots=True)
class Invariant:
    """One row: what holds, whatever `fault` happens, and the tests (`path::name`) that prove it."""

    id: str
    guarantee: Guarantee
    statement: str
    fault: str
    tests: tuple[str, ...]


def load(path: Path = ROWS) -> list[Invariant]:
    """Read the rows. Raises KeyError, TypeError and ValueError when one is not as it should be."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["invariant"]
    return [Invariant(**row | {"guarantee": Guarantee(row["guarantee"]), "tests": tuple(row["tests"])}) for row in rows]


def faults_of(invariants: Iterable[Invariant], root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong with the rows: an id twice, a cell that is empty, a test that is none."""
    seen: set[str] = set()
    for one in invariants:
        if one.id in seen:
            yield f"{one.id}: stands twice"
        seen.add(one.id)
        if not (one.statement and one.fault and one.tests):
            yield f"{one.id}: has an empty cell"
        if len(one.tests) != len(set(one.tests)):
            yield f"{one.id}: names a test twice"
        for test in one.tests:
            path, _, name = test.partition("::")
            if name not in _tests_in(root / path):
                yield f"{one.id}: there is no test {test}"


def table(invariants: Iterable[Invariant]) -> str:
    """Return the rows as Markdown: safety first, each test as its name in words, linked to its file."""
    lines = ["| | holds | whatever happens | shown by |", "| --- | --- | --- | --- |"]
    for one in sorted(invariants, key=lambda row: row.guarantee is Guarantee.LIVENESS):
        shown = "; ".join(_link(test) for test in one.tests)
        lines.append(f"| {one.guarantee} | {one.statement} | {one.fault} | {shown} |")
    return "\n".join(lines)


def with_table(text: str, invariants: Iterable[Invariant]) -> str:
    """Return the text of the page with the table between its two marks. Raises ValueError when it has no such marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The page has no part between {BEGIN!r} and {END!r}.")
    return f"{before}{begin}\n\n{table(invariants)}\n\n{end}{after}"


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../../{path})"


def _tests_in(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
