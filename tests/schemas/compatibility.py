"""The evolution gate: what a version of a schema may not do to another version of the same kind, in both directions.

Two judges. Apache Avro's own checker says whether a reader of one version can read what a writer of the other wrote. It
does not look at logical types, defaults, docs and properties, lets a field with a default go, and takes bytes for a
string; but an event means the same for ever, so the rules below, which are ours, are stricter and name their field.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker

Schema = Mapping[str, Any]

_KEPT_OF_RECORDS: Final = ("name", "namespace", "doc", "kind", "aliases")
_KEPT_OF_FIELDS: Final = ("default", "doc", "personal", "order", "aliases")
_ABSENT: Final = "(none)"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that may not be: in which field (a dotted path; empty: the record itself), and by which rule."""

    field: str
    rule: str

    def __str__(self) -> str:
        """Say it in one piece."""
        return f"{self.field or 'the record'}: {self.rule}"


def refusals_of_kind(kind: str, versions: Mapping[int, Schema]) -> list[str]:
    """Return every refusal of every pair of versions of a kind (FULL_TRANSITIVE): kind, versions, field and rule.

    `versions` are schema documents by version number.
    """
    pairs = combinations(sorted(versions), 2)
    return [
        f"{kind} v{older} and v{newer}: {refusal}"
        for older, newer in pairs
        for refusal in refusals(versions[older], versions[newer])
    ]


def refusals(older: Schema, newer: Schema) -> list[Refusal]:
    """Return what the newer version may not do to the older one: our rules first, then Avro's, in both directions."""
    found = [*_of_records("", older, newer)]
    found += avro_refusals(reader=newer, writer=older, direction="the newer reads the older")
    found += avro_refusals(reader=older, writer=newer, direction="the older reads the newer")
    return found


def avro_refusals(*, reader: Schema, writer: Schema, direction: str) -> list[Refusal]:
    """Return what Apache Avro's checker says against reading with one schema what was written with the other."""
    checker: Any = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call] # Avro leaves it untyped.
    result = checker.get_compatibility(avro.schema.parse(json.dumps(reader)), avro.schema.parse(json.dumps(writer)))
    if result.compatibility.value == "compatible":
        return []
    said = ", ".join(sorted({kind.value for kind in result.incompatibilities}))
    # It merges with a result that has no place of its own; that one says the root.
    places = sorted(result.locations - {"/"}) or ["/"]
    return [Refusal(_field_at(reader, place), f"avro: {said} ({direction})") for place in places]


def _field_at(schema: Any, location: str) -> str:  # noqa: ANN401 - a schema is any JSON
    """Return the dotted path of a place such as /fields/15/type/items/fields/0/type."""
    names, node = [], schema
    steps = [step for step in location.split("/") if step]
    while steps:
        step = steps.pop(0)
        if step == "fields" and isinstance(node, Mapping) and "fields" in node and steps:
            node = node["fields"][int(steps.pop(0))]
            names.append(node["name"])
        elif isinstance(node, Mapping) and step in node:
            node = node[step]
    return ".".join(names)


def _of_records(path: str, older: Schema, newer: Schema) -> Iterator[Refusal]:
    yield from _changed(path.removesuffix("."), older, newer, _KEPT_OF_RECORDS)
    before = {field["name"]: field for field in older["fields"]}
    after = {field["name"]: field for field in newer["fields"]}
    for name, field in before.items():
        here = f"{path}{name}"
        if name in after:
            yield from _changed(here, field, after[name], _KEPT_OF_FIELDS)
            yield from _of_types(here, field["type"], after[name]["type"])
        else:
            yield Refusal(here, "a field is never removed or renamed")
    kept = [name for name in after if name in before]
    if kept != [name for name in before if name in after] or list(after)[: len(kept)] != kept:
        yield Refusal(path.removesuffix("."), "fields keep their order, and new ones come last in their record")
    for name, field in after.items():
        if name in before:
            continue
        if "default" not in field:
            yield Refusal(f"{path}{name}", "a new field has a default")
        if "aliases" in field:
            yield Refusal(f"{path}{name}", "a field has no alias: not every reader resolves them")


def _of_types(path: str, older: Any, newer: Any) -> Iterator[Refusal]:  # noqa: ANN401 - as above
    if isinstance(older, list) and isinstance(newer, list):
        if [_sort(branch) for branch in older] != [_sort(branch) for branch in newer]:
            yield Refusal(path, f"a union keeps its branches: {_sort(older)} became {_sort(newer)}")
            return
        for before, after in zip(older, newer, strict=True):
            yield from _of_types(path, before, after)
    elif _sort(older) != _sort(newer):
        yield Refusal(path, f"a type is never changed: {_sort(older)} became {_sort(newer)}")
    else:
        yield from _of_parts(path, _spelt_out(older), _spelt_out(newer))


def _of_parts(path: str, older: Schema, newer: Schema) -> Iterator[Refusal]:
    yield from _changed(path, older, newer, ("logicalType",))
    match older["type"]:
        case "record":
            yield from _of_records(f"{path}.", older, newer)
        case "array":
            yield from _of_types(path, older["items"], newer["items"])
        case "enum":
            yield from _changed(path, older, newer, ("name", "doc", "default"))
            if newer["symbols"][: len(older["symbols"])] != older["symbols"]:
                yield Refusal(path, "a symbol is never removed or moved")
            if newer["symbols"] != older["symbols"] and "default" not in older:
                yield Refusal(path, "symbols are added only where old readers have a default symbol")


def _changed(path: str, older: Schema, newer: Schema, kept: tuple[str, ...]) -> Iterator[Refusal]:
    """Yield a refusal for each property that should be as it was: there or not there, and of one value."""
    for name in kept:
        before, after = older.get(name, _ABSENT), newer.get(name, _ABSENT)
        if before != after:
            yield Refusal(path, f"{name} is never changed")


def _spelt_out(node: Any) -> Schema:  # noqa: ANN401 - as above
    """Return a type with its properties; a plain name such as "string" has none but itself."""
    return node if isinstance(node, Mapping) else {"type": node}


def _sort(node: Any) -> str:  # noqa: ANN401 - as above
    """Return what sort of type a type is, without what is inside."""
    if isinstance(node, list):
        return f"[{', '.join(map(_sort, node))}]"
    if not isinstance(node, Mapping):
        return str(node)
    # {"type": "string", "logicalType": ...} is a string: what it means is compared apart.
    return str(node["type"])
