"""JSON of callers: a whole document as `load_json` reads it, and the texts of JSON that an event may carry.

Both are what every reader in any language takes for the same thing; the texts are no larger or deeper than named.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from ledger_schemas import limits
from ledger_schemas.errors import ContractViolation

NAME_SHOWN_CHARS: Final = 64
"""How much of a name an error shows: names are the caller's text."""

PATH_SHOWN_CHARS: Final = 200
"""How much of the path to a field an error shows."""


class NotJsonError(ValueError):
    """A text is not JSON by RFC 8259."""


def load_json(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return what one JSON document states; bytes are UTF-8.

    Raises NotJsonError, and ContractViolation when an object in it has a name twice: readers differ on which counts.
    """
    try:
        return _loaded(text, parse_float=float)
    except _UnportableError as error:
        path = error.path[:PATH_SHOWN_CHARS]
        raise ContractViolation(
            f"{path}: {error}.", hint="Give it once and send the event again; nothing was written.", field=path
        ) from None
    except (ValueError, RecursionError):
        message = "must be one JSON document in UTF-8"
        raise NotJsonError(message) from None


def checked_data(text: str) -> str:
    """Return a JSON document of at most DATA_BYTES_MAX bytes as it is. Raises ValueError that says what is wrong."""
    _checked(text, "DATA_BYTES_MAX", limits.DATA_BYTES_MAX)
    return text


def checked_addresses(text: str) -> str:
    """Return a JSON object of at most DATA_BYTES_MAX bytes as it is. Raises ValueError that says what is wrong."""
    return _object(text, "DATA_BYTES_MAX", limits.DATA_BYTES_MAX)


def checked_attributes(text: str) -> str:
    """Return a JSON object of at most ATTRIBUTES_BYTES_MAX bytes as it is. Raises ValueError likewise."""
    return _object(text, "ATTRIBUTES_BYTES_MAX", limits.ATTRIBUTES_BYTES_MAX)


def _object(text: str, limit: str, bytes_max: int) -> str:
    if not isinstance(_checked(text, limit, bytes_max), dict):
        message = "must be a JSON object as text"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports a ValueError with its field
    return text


def _checked(text: str, limit: str, bytes_max: int) -> object:
    # A lone surrogate has no bytes; the encoder refuses it by name.
    size = len(text.encode(errors="surrogatepass"))
    if size > bytes_max:
        message = f"must be at most {bytes_max} bytes of UTF-8, {limit}; it is {size}"
        raise ValueError(message)
    try:
        document = _loaded(text, parse_float=_finite)
        json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise _too_deep("deeper than can be read") from None
    except _UnportableError as error:
        message = f"must be JSON that every reader takes: {error.rule}"
        raise ValueError(message) from None
    except UnicodeEncodeError:
        message = "must be JSON that every reader takes: an escape in it is half a character"
        raise ValueError(message) from None
    except ValueError as error:
        message = "must be a JSON document as text"
        raise ValueError(message) from error
    depth = _depth(document)
    if depth > limits.DATA_DEPTH_MAX:
        raise _too_deep(f"{depth} deep")
    return document


class _UnportableError(Exception):
    """JSON by the grammar, at which readers differ or stop (RFC 8259, sections 4 and 6).

    `rule` says what is wrong without a word of the text; the message shows the name, and `path` leads to it.
    """

    def __init__(self, rule: str, shown: str = "", path: str = "") -> None:
        super().__init__(shown or rule)
        self.rule = rule
        self.path = path


class _TwiceNamed(dict[str, Any]):
    """An object that has a name twice. The parser calls back before it knows where the object lies."""

    name: str


def _loaded(text: str | bytes, *, parse_float: Callable[[str], float]) -> Any:  # noqa: ANN401 - any JSON
    """Return the document. Raises _UnportableError, ValueError and RecursionError."""
    twice_named: list[_TwiceNamed] = []

    def each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = dict(pairs)
        if len(names) == len(pairs):
            return names
        twice_named.append(_TwiceNamed(names))
        twice_named[-1].name = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        return twice_named[-1]

    if isinstance(text, bytes):
        # Given bytes, json.loads would guess between UTF-8, UTF-16 and UTF-32. It reads a byte order mark, too.
        text = text.decode("utf-8-sig")
    document = json.loads(text, parse_constant=_no_constant, parse_float=parse_float, object_pairs_hook=each_name_once)
    if twice_named:
        path, name = _first_twice_named(document)
        raise _UnportableError(
            "an object in it has a name twice", f"the name '{name}' stands twice in one object", path
        )
    return document


def _first_twice_named(document: object) -> tuple[str, str]:
    """Return the dotted path to a name that stands twice in its object, and the name."""
    places: list[tuple[object, Any]] = [(document, None)]
    for node, place in places:
        if isinstance(node, _TwiceNamed):
            path, above = [node.name], place
            while above is not None:
                key, above = above
                path.append(str(key))
            return ".".join(_shown(part) for part in reversed(path)), _shown(node.name)
        if isinstance(node, dict | list):
            children = node.items() if isinstance(node, dict) else enumerate(node)
            places.extend((child, (key, place)) for key, child in children if isinstance(child, dict | list))
    message = "no object has a name twice"
    raise AssertionError(message)


def _shown(name: str) -> str:
    """Return the beginning of a name; what cannot be printed, half a character too, is escaped."""
    begin = name[:NAME_SHOWN_CHARS]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in begin)


def _no_constant(name: str) -> None:
    # Python reads NaN and Infinity; JSON has neither, and other readers of the log stop at them.
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _UnportableError("a number in it is beyond a double")
    return number


def _too_deep(how: str) -> ValueError:
    return ValueError(f"must not be nested deeper than DATA_DEPTH_MAX = {limits.DATA_DEPTH_MAX}; it is {how}")


def _depth(document: object) -> int:
    """Return how many arrays and objects lie inside one another at most: 0 for a text or a number alone."""
    depth, level = 0, [document]
    while level := [node for node in level if isinstance(node, dict | list)]:
        depth += 1
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]
    return depth
