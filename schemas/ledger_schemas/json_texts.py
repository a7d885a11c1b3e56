"""JSON of callers: a whole document as `load_json` reads it, and the texts of JSON that an event may carry.

Both are what every reader in any language takes for the same thing; the texts are no larger or deeper than named.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from ledger_schemas import limits
from ledger_schemas.errors import ContractViolation, LimitExceeded

NAME_SHOWN_CHARS: Final = 64
"""How much of a name an error shows: names are the caller's text."""

PATH_SHOWN_CHARS: Final = 200
"""How much of the path to a field an error shows."""


_BETWEEN_ITEMS: Final = re.compile(r"[ \t\r\n,]*")


class NotJsonError(ValueError):
    """A text is not JSON by RFC 8259."""


def load_json(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return what one JSON document states; bytes are UTF-8.

    Raises NotJsonError; ContractViolation when an object in it has a name twice, since readers differ on which counts;
    LimitExceeded when it may hold more arrays and objects than JSON_CONTAINERS_MAX: each takes memory and time of its
    own, and two bytes of text.
    """
    opening = (b"[", b"{") if isinstance(text, bytes) else ("[", "{")
    if sum(map(text.count, opening)) > limits.JSON_CONTAINERS_MAX:  # type: ignore[arg-type] # of one type with the text
        raise LimitExceeded(
            f"The document opens more arrays and objects than JSON_CONTAINERS_MAX = {limits.JSON_CONTAINERS_MAX}.",
            hint="Send it in parts.",
        )
    try:
        return _loaded(text, parse_float=float)
    except _UnportableError as error:
        field = _item_of_array(text) + _shown(error.name)
        raise ContractViolation(
            f"{field}: stands twice in one object.",
            hint="Give each name once and send the event again; nothing was written.",
            field=field,
        ) from None
    except (ValueError, RecursionError):
        message = "must be one JSON document in UTF-8"
        raise NotJsonError(message) from None


def check_widths(document: object) -> None:
    """Check that no array or object of an event is wider than JSON_ITEMS_MAX. Raises LimitExceeded."""
    nodes = [document]
    for node in nodes:
        if not isinstance(node, dict | list):
            return  # the document itself: all other nodes are arrays and objects
        if len(node) > limits.JSON_ITEMS_MAX:
            raise LimitExceeded(
                f"An array or object of the event has more items than JSON_ITEMS_MAX = {limits.JSON_ITEMS_MAX}.",
                hint="Send what the contract allows: at most RECIPIENTS_PER_EVENT_MAX recipients, for instance.",
            )
        children = node.values() if isinstance(node, dict) else node
        nodes += [child for child in children if isinstance(child, dict | list)]


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
    """JSON by the grammar, at which readers differ or stop (RFC 8259, sections 4 and 6); `rule` repeats no text."""

    def __init__(self, rule: str, name: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.name = name


def _loaded(text: str | bytes, *, parse_float: Callable[[str], float]) -> Any:  # noqa: ANN401 - any JSON
    """Return the document. Raises _UnportableError, ValueError and RecursionError."""
    if isinstance(text, bytes):
        # Given bytes, json.loads would guess between UTF-8, UTF-16 and UTF-32.
        text = text.decode("utf-8")
    return json.loads(
        text.removeprefix("\ufeff"),  # a byte order mark
        parse_constant=_no_constant,
        parse_float=parse_float,
        object_pairs_hook=_each_name_once,
    )


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise _UnportableError("an object in it has a name twice", twice)
    return names


def _item_of_array(text: str | bytes) -> str:
    """Return the index of the first item of an array that has a name twice, and a dot; nothing for another document."""
    text = (text.decode("utf-8") if isinstance(text, bytes) else text).lstrip("\ufeff \t\r\n")
    if not text.startswith("["):
        return ""
    decoder, end = json.JSONDecoder(object_pairs_hook=_each_name_once), 1
    for index in range(limits.BATCH_EVENTS_MAX):
        begin = _BETWEEN_ITEMS.match(text, end)
        try:
            _, end = decoder.raw_decode(text, begin.end() if begin else end)
        except _UnportableError:
            return f"{index}."
    return ""


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
