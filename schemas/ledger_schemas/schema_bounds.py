"""Which writer schemas a reader can be given: those that bound what their text, and each byte of their records, cost.

A store hands over whatever somebody published. A record that contains itself nests as deeply as a megabyte of bytes
can say, and a decoder written in C overflows its stack; an array of items that take no bytes lets ten bytes state 2^62
of them; sixty records, each twice in the next, are 2^60 steps for no byte at all.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ledger_schemas.errors import SchemaUnusable

SCHEMA_DEPTH_MAX: Final = 64
"""Types inside one another, names followed. A union, an array and a record are one each; shipped schemas have 5."""

SCHEMA_NAME_CHARS_MAX: Final = 256
"""One name, or one namespace, of a type. A parser puts the namespace before each name of four characters of text."""

FREE_NODES_MAX: Final = 1_000
"""Nodes of one record that take no bytes, names followed: records and nulls. Shipped schemas have 1, the event."""

FREE_NODES_PER_ITEM_MAX: Final = 16
"""Such nodes of one item of an array or one value of a map."""

PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_WORDS: Final = PRIMITIVES | {"record", "error", "enum", "fixed", "array", "map", "union", "request", "error_union"}
"""What a decoder looks up before the names of types (Avro 1.12 specification, and its protocols)."""

_HINT: Final = "Publish the schema that the events were written with; the evolution guide says what it may be."


class _Size(NamedTuple):
    """Of any value of a type: its depth and its free nodes at most, and whether it takes a byte at least."""

    depth: int
    free_nodes: int
    takes_bytes: bool


_BYTES: Final = _Size(depth=1, free_nodes=0, takes_bytes=True)
_NULL: Final = _Size(depth=1, free_nodes=1, takes_bytes=False)


def check_parsable(document: Any) -> None:  # noqa: ANN401 - a schema is any JSON
    """Check that a schema can be given to a parser: neither its depth nor its names make it cost more than its text.

    Raises SchemaUnusable when types lie inside one another more deeply than SCHEMA_DEPTH_MAX, or a name or namespace of
    one is no text or longer than SCHEMA_NAME_CHARS_MAX. What is no schema at all passes, for the parser to say so.
    """
    level = [document]
    for _ in range(SCHEMA_DEPTH_MAX):
        level = [inner for node in level for inner in _inside(node)]
        if not level:
            return
    raise _too_deep()


def check_bounded(parsed: Any) -> None:  # noqa: ANN401 - as above
    """Check that a schema in fastavro's form, without logical types, can be given to a decoder.

    A decoder then takes at most FREE_NODES_MAX + SCHEMA_DEPTH_MAX * FREE_NODES_PER_ITEM_MAX steps, a step being a node,
    and 2 + FREE_NODES_PER_ITEM_MAX for each byte of a record, whatever the bytes are. Raises SchemaUnusable that names
    what is too much.
    """
    size = _size_of(parsed, frozenset(), {})
    if size.free_nodes > FREE_NODES_MAX:
        raise SchemaUnusable(
            f"The schema has more than FREE_NODES_MAX = {FREE_NODES_MAX} nodes that take no bytes.", hint=_HINT
        )


def _inside(node: Any) -> list[Any]:  # noqa: ANN401 - as above
    """Return the types that lie in a type, after a look at its names."""
    match node:
        case list():
            return node
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            return [inner]
        case {"type": "record" | "error" | "enum" | "fixed" as of}:
            for name in (node.get("name", ""), node.get("namespace") or ""):
                if not isinstance(name, str) or len(name) > SCHEMA_NAME_CHARS_MAX:
                    raise SchemaUnusable(
                        f"A name of the schema is no text of at most SCHEMA_NAME_CHARS_MAX = {SCHEMA_NAME_CHARS_MAX} "
                        "characters.",
                        hint=_HINT,
                    )
            fields = node.get("fields") if of in {"record", "error"} else None
            return [field["type"] for field in fields or () if isinstance(field, dict) and "type" in field]
    return []


def _size_of(node: Any, around: frozenset[str], seen: dict[str, _Size]) -> _Size:  # noqa: ANN401 - as above
    """Return the size of a type; `around` are the records that it lies in, `seen` the named types before it."""
    match node:
        case list():
            branches = [_size_of(branch, around, seen) for branch in node]
            # Its index takes a byte, which pays for one more step.
            free = max((branch.free_nodes for branch in branches), default=0)
            return _Size(_around(branches), max(0, free - 1), takes_bytes=True)
        case {"type": "array", "items": items}:
            item = _item(items, around, seen)
            if not item.takes_bytes:
                raise SchemaUnusable("The schema has an array of items that take no bytes.", hint=_HINT)
            return _BYTES._replace(depth=_around([item]))
        case {"type": "map", "values": values}:
            # Each value has a key, which takes bytes.
            return _BYTES._replace(depth=_around([_item(values, around, seen)]))
        case {"type": "record" | "error" | "enum" | "fixed", "name": name}:
            if name in _WORDS:
                raise SchemaUnusable(f"A type of the schema is named {name}, a word of Avro's own.", hint=_HINT)
            seen[name] = _size_of_named(node, around | {name}, seen)
            return seen[name]
        case {"type": str(name)} | str(name):
            if name in around:
                raise SchemaUnusable(f"The record {name} of the schema contains itself.", hint=_HINT)
            return _NULL if name == "null" else seen.get(name, _BYTES)
    return _BYTES


def _size_of_named(node: dict[str, Any], around: frozenset[str], seen: dict[str, _Size]) -> _Size:
    match node:
        case {"type": "record" | "error", "fields": fields}:
            inner = [_size_of(field["type"], around, seen) for field in fields]
            free = 1 + sum(one.free_nodes for one in inner)
            return _Size(_around(inner), free, takes_bytes=any(one.takes_bytes for one in inner))
        # A bool is an int to isinstance; JSON's true is no size.
        case {"type": "fixed", "size": size} if type(size) is not int or size < 1:
            raise SchemaUnusable(f"The size of the fixed {node['name']} is no integer of at least 1.", hint=_HINT)
    return _BYTES


def _item(node: Any, around: frozenset[str], seen: dict[str, _Size]) -> _Size:  # noqa: ANN401 - as above
    size = _size_of(node, around, seen)
    if size.free_nodes > FREE_NODES_PER_ITEM_MAX:
        raise SchemaUnusable(
            "An array or a map of the schema has items of more than FREE_NODES_PER_ITEM_MAX = "
            f"{FREE_NODES_PER_ITEM_MAX} nodes that take no bytes.",
            hint=_HINT,
        )
    return size


def _around(inner: list[_Size]) -> int:
    depth = 1 + max((one.depth for one in inner), default=0)
    if depth > SCHEMA_DEPTH_MAX:
        raise _too_deep()
    return depth


def _too_deep() -> SchemaUnusable:
    return SchemaUnusable(f"Types of the schema lie more than SCHEMA_DEPTH_MAX = {SCHEMA_DEPTH_MAX} deep.", hint=_HINT)
