"""The command `python -m tests.emitter_methods`: writes the typed methods of the emitter off the events' models.

It writes `fields.py` and `statements.py` of `ledger_producers`; with `--check` it writes nothing and exits with 1 when
one of them is not what it would write.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from ledger_schemas.envelope import Envelope
from ledger_schemas.events import Event
from ledger_schemas.kinds import Kind

FOLDER: Final = Path(__file__).resolve().parent.parent / "producers" / "ledger_producers"
POSITIONAL: Final = ("tenant_id", "notification_id")

_FIELDS_HEAD: Final = '''"""The keyword arguments of the emitter, typed: fields of all events, then those of each kind.

Written by `python -m tests.emitter_methods`: change the models in `ledger_schemas.events`, not this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from ledger_schemas.parts import {parts}


class EventFields(TypedDict, total=False):
    """What any event may carry.

    `source` defaults to the emitter's, `event_id` to a new UUIDv7, `occurred_at` (aware) to the time inside `event_id`.
    State `event_id` when you may state the same fact again: an id that is no UUIDv7 needs `occurred_at`, too.
    """

{envelope}
'''

_STATEMENTS_HEAD: Final = '''# ruff: noqa: D401 - first lines are the sentences of the models
"""The statements: one typed method per kind that makes an event and puts it.

Written by `python -m tests.emitter_methods`: change the models in `ledger_schemas.events`, not this file.
"""

from __future__ import annotations

from typing import Unpack
from uuid import UUID

from ledger_producers.fields import (
    {fields},
)
from ledger_producers.stating import Stating
from ledger_schemas.events import (
    {models},
)
from ledger_schemas.facts import Receipt


class Statements(Stating):
    """One method per kind, which records what its first line says.

    Each raises ContractViolation that names the field, and what `put` raises.
    """
'''


def models() -> list[type[Envelope]]:
    """Return the model of every kind, in the order of the kinds."""
    of_kind: dict[Kind, type[Envelope]] = {model.model_fields["kind"].default: model for model in get_args(Event)}
    return [of_kind[kind] for kind in Kind]


def fields_text() -> str:
    """Return the text of `fields.py`."""
    parts: set[str] = set()
    texts = [
        f"\n\nclass {_fields_class(model)}(EventFields, total=False):\n"
        f'    """What `{_kind(model)}` may carry besides.{_more(model)}"""\n\n' + "\n".join(_lines(own, parts)) + "\n"
        for model in models()
        if (own := {name: field for name, field in _own(model).items() if not field.is_required()})
    ]
    envelope = {name: field for name, field in Envelope.model_fields.items() if name not in POSITIONAL}
    lines = "\n".join(_lines(envelope, parts))
    return _formatted(_FIELDS_HEAD.format(parts=", ".join(sorted(parts)), envelope=lines) + "".join(texts))


def statements_text() -> str:
    """Return the text of `statements.py`."""
    classes = sorted({_fields_class(model) for model in models()})
    names = sorted(model.__name__ for model in models())
    head = _STATEMENTS_HEAD.format(fields=",\n    ".join(classes), models=",\n    ".join(names))
    return _formatted(head + "".join(f"\n{_method(model)}" for model in models()))


def _method(model: type[Envelope]) -> str:
    own = _own(model)
    required = {name: _type(field.annotation, set()) for name, field in own.items() if field.is_required()}
    is_named = "notification_id" not in own
    arguments = "".join(f", {name}: {text}" for name, text in required.items())
    stated = ", ".join(f'"{name}": {name}' for name in required)
    return (
        f"    async def {_kind(model)}(self, tenant_id: str{', notification_id: UUID' if is_named else ''}{arguments}, "
        f"**fields: Unpack[{_fields_class(model)}]) -> Receipt:\n"
        f'        """{_documentation(model)[0]}"""\n'
        f"        return await self.state({model.__name__}, tenant_id, {'notification_id' if is_named else 'None'}, "
        f"{f'{{{stated}, **fields}}' if stated else 'fields'})\n"
    )


def _own(model: type[Envelope]) -> dict[str, FieldInfo]:
    """Return the fields that a kind has besides those of every event; a notification_id, where it may be left out."""
    return {
        name: field
        for name, field in model.model_fields.items()
        if name != "kind" and (name not in Envelope.model_fields or (name == POSITIONAL[1] and not field.is_required()))
    }


def _fields_class(model: type[Envelope]) -> str:
    has_own = any(not field.is_required() for field in _own(model).values())
    return f"{model.__name__.removeprefix('Notification')}Fields" if has_own else "EventFields"


def _kind(model: type[Envelope]) -> str:
    return str(model.model_fields["kind"].default.value)


def _documentation(model: type[Envelope]) -> tuple[str, str]:
    first, _, more = (model.__doc__ or "").strip().partition("\n\n")
    return first, more


def _more(model: type[Envelope]) -> str:
    _, more = _documentation(model)
    return f"\n\n    {more.strip()}\n    " if more else ""


def _lines(fields: dict[str, FieldInfo], parts: set[str]) -> Iterator[str]:
    for name, field in fields.items():
        yield f"    {name}: {_type(field.annotation, parts)}"


def _type(annotation: Any, parts: set[str]) -> str:  # noqa: ANN401 - an annotation is anything
    """Return how a caller states a value of a field; names of the contract's records are added to `parts`."""
    if hasattr(annotation, "__metadata__"):
        return _type(annotation.__origin__, parts)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, types.UnionType}:
        (present,) = (argument for argument in arguments if argument is not type(None))
        return _type(present, parts)
    if origin is tuple:
        return f"Sequence[{_type(arguments[0], parts)}]"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        parts.add(annotation.__name__)
        return annotation.__name__
    if annotation is AwareDatetime:
        return datetime.__name__
    if annotation in {str, int, bool, UUID}:
        return str(annotation.__name__)
    message = f"{typing.cast('object', annotation)!r} has no keyword argument yet"
    raise TypeError(message)


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FOLDER / "fields.py"), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.emitter_methods", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is not current")
    check = parser.parse_args().check
    texts = {FOLDER / "fields.py": fields_text(), FOLDER / "statements.py": statements_text()}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if check:
            sys.stderr.write(f"{path.name} is not current: run `python -m tests.emitter_methods`.\n")
        else:
            path.write_text(texts[path], encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
