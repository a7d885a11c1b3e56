"""The mapped fields as they stand in a dialect's answers: which there are, whether one is there, how to take it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .mapping import listed_fields, mapping
from .rows import table

ANSWERS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "suger": {"": ["notificationEvents[]"], "list": [""]},
    "realtimeregister": {"": [""]},
    "novu": {"": ["", "data"]},
    "nextinteract": {"": ["[]"]},
    "easir": {"": ["data[]"], "list": [""], "create": [""]},
}
"""Where the fields of a document of the mapping (before the slash; none: the notification) stand in answers.

Documents that are not named are of siblings or of requests; Novu wraps its notification on request."""

OF_REQUESTS: Final = {
    ("easir", "create/message"),
    ("easir", "create/notify.users[]"),
    ("easir", "create/notify.teams[]"),
}
"""Fields that a request has and its answer has not."""


@dataclass(frozen=True, slots=True)
class AnswerField:
    """A mapped field, and the paths that it may have in an answer."""

    name: str
    paths: tuple[tuple[str, ...], ...]

    def stands_in(self, answer: Any) -> bool:  # noqa: ANN401 - any JSON
        """Say whether an answer has it, even once."""
        return any(_find(answer, path, take_out=False) for path in self.paths)

    def take_out_of(self, answer: Any) -> bool:  # noqa: ANN401 - any JSON
        """Take it out of an answer, wherever it stands, and say whether it stood there."""
        return sum(_find(answer, path, take_out=True) for path in self.paths) > 0


def answer_fields(dialect: str) -> list[AnswerField]:
    """Return the fields of a dialect's documented endpoints: each that is mapped, by a row or below one."""
    required = {row.id for row in table() if row.required}
    later = {field.vendor for field in mapping(dialect).field if not required & set(field.acceptance)}
    mapped = [field.vendor for field in mapping(dialect).field]
    found = []
    for name in dict.fromkeys([*mapped, *listed_fields(dialect)]):
        document, _, path = name.rpartition("/")
        roots = ANSWERS[dialect].get(document)
        if roots and name not in later and (dialect, name) not in OF_REQUESTS:
            found.append(AnswerField(name, tuple(_steps(f"{root}.{path}") for root in roots)))
    return found


def _steps(path: str) -> tuple[str, ...]:
    """Return the names of a path; [] is each item of a list. A list that ends it is the field itself."""
    steps = path.removesuffix("[]").replace("[]", ".[]").split(".")
    return tuple(step for step in steps if step)


def _find(node: Any, path: tuple[str, ...], *, take_out: bool) -> bool:  # noqa: ANN401 - any JSON
    """Say whether a node has what stands at a path, and take it out if told to: of every item of a list."""
    step, *rest = path
    if step == "[]":
        return isinstance(node, list) and sum(_find(each, tuple(rest), take_out=take_out) for each in node) > 0
    if not isinstance(node, dict) or step not in node:
        return False
    if rest:
        return _find(node[step], tuple(rest), take_out=take_out)
    if take_out:
        del node[step]
    return True
