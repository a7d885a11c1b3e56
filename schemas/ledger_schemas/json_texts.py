"""JSON as text: what every reader of the log, in any language, can parse, and no larger or deeper than named."""

from __future__ import annotations

import json
import math
from typing import Any

from ledger_schemas import limits


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
        document = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_each_name_once)
        json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise _too_deep("deeper than can be read") from None
    except _UnportableError as error:
        raise ValueError(str(error)) from None
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
    """JSON by the grammar, at which readers differ or stop (RFC 8259, sections 4, 6 and 8.2)."""


def _no_constant(name: str) -> None:
    # Python reads NaN and Infinity; JSON has neither, and other readers of the log stop at them.
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        message = "must be JSON that every reader takes: a number in it is beyond a double"
        raise _UnportableError(message)
    return number


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        message = "must be JSON that every reader takes: an object in it has a name twice"
        raise _UnportableError(message)
    return names


def _too_deep(how: str) -> ValueError:
    return ValueError(f"must not be nested deeper than DATA_DEPTH_MAX = {limits.DATA_DEPTH_MAX}; it is {how}")


def _depth(document: object) -> int:
    """Return how many arrays and objects lie inside one another at most: 0 for a text or a number alone."""
    depth, level = 0, [document]
    while level := [node for node in level if isinstance(node, dict | list)]:
        depth += 1
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]
    return depth
