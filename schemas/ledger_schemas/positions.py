"""Positions: where in the logs something stands, as (topic, partition) -> next offset, and as one line of text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Self

from ledger_schemas.errors import PositionInvalid

_TOPIC = r"[A-Za-z0-9._-]{1,249}"
_ENTRY = re.compile(rf"(?:(?P<topic>{_TOPIC})@)?(?P<partition>[0-9]{{1,9}}):(?P<offset>[0-9]{{1,18}})")


class Position(Mapping[tuple[str, int], int]):
    """An immutable position; a partition that it does not name counts as offset 0.

    As text: `topic@partition:next_offset,partition:next_offset`; a later entry without a topic has the one before.
    """

    __slots__ = ("_offsets",)

    def __init__(self, offsets: Mapping[tuple[str, int], int] | None = None) -> None:
        """Take {(topic, partition): next offset}; entries at offset 0 say nothing and are dropped."""
        self._offsets = {key: offset for key, offset in sorted((offsets or {}).items()) if offset > 0}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form. Raises PositionInvalid, also when it names a partition twice."""
        offsets: dict[tuple[str, int], int] = {}
        topic: str | None = None
        for part in text.split(",") if text else []:
            match = _ENTRY.fullmatch(part)
            topic = (match["topic"] if match else None) or topic
            if match is None or topic is None or (topic, int(match["partition"])) in offsets:
                raise PositionInvalid(
                    f"Not a position: {text[:80]!r}.",
                    hint="Use one that a write returned; it looks like `notifications.lifecycle.v1@0:128,3:17`.",
                    field="position",
                )
            offsets[topic, int(match["partition"])] = int(match["offset"])
        return cls(offsets)

    def reached(self, wanted: Position) -> bool:
        """Say whether everything before `wanted` is also before this position."""
        return all(self.get(key, 0) >= offset for key, offset in wanted.items())

    def merged(self, other: Position) -> Position:
        """Return the least position that has reached both."""
        keys = set(self) | set(other)
        return Position({key: max(self.get(key, 0), other.get(key, 0)) for key in keys})

    def only(self, topic: str) -> Position:
        """Return the part of it that is of one topic."""
        return Position({key: offset for key, offset in self.items() if key[0] == topic})

    def __getitem__(self, key: tuple[str, int]) -> int:
        """Return the next offset of one (topic, partition)."""
        return self._offsets[key]

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Iterate over the (topic, partition) pairs in order."""
        return iter(self._offsets)

    def __len__(self) -> int:
        """Return how many partitions it names."""
        return len(self._offsets)

    def __hash__(self) -> int:
        """Hash by content: a position is a value."""
        return hash(tuple(self._offsets.items()))

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        return isinstance(other, Position) and self._offsets == other._offsets

    def __str__(self) -> str:
        """Return the text form, which `parse` reads."""
        parts, last = [], None
        for (topic, partition), offset in self._offsets.items():
            parts.append(f"{partition}:{offset}" if topic == last else f"{topic}@{partition}:{offset}")
            last = topic
        return ",".join(parts)

    def __repr__(self) -> str:
        """Return the text form, named."""
        return f"Position({str(self)!r})"
