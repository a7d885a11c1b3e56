import json

import pytest

from ledger_schemas import Personal, limits
from ledger_schemas.json_texts import checked_addresses, checked_attributes, checked_data


def nested(depth: int, inside: str = "") -> str:
    """Return arrays inside one another."""
    return "[" * depth + inside + "]" * depth


@pytest.mark.parametrize("text", ['"x"', "1", "null", "{}", '{"a": {"b": [1, 2.5e300, "\\ud83d\\udce6"]}}', "1" * 400])
def test_data_may_be_any_json(text: str) -> None:
    """Kept as it came, to the character."""
    assert text == checked_data(text)


@pytest.mark.parametrize("check", [checked_addresses, checked_attributes])
@pytest.mark.parametrize("text", ["[1]", '"x"', "null"])
def test_addresses_and_attributes_are_objects(check: type[str], text: str) -> None:
    """Who looks for a recipient or a flag in them finds names."""
    assert check('{"a": 1}') == '{"a": 1}'
    with pytest.raises(ValueError, match="JSON object"):
        check(text)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"a": 1, "a": 2}', "a name twice"),
        ('[{"b": {"a": 1, "a": 1}}]', "a name twice"),
        ('"\\ud800"', "half a character"),
        ('{"\\udc00": 1}', "half a character"),
        ("1e400", "beyond a double"),
        ("[-1e999]", "beyond a double"),
        ("NaN", "JSON document"),
        ("Infinity", "JSON document"),
        ("{", "JSON document"),
        ("", "JSON document"),
    ],
)
def test_what_readers_differ_on_is_refused(text: str, wrong: str) -> None:
    """Java, Go and DuckDB stop at such texts, or read other things into them: the log outlives all of them."""
    with pytest.raises(ValueError, match=wrong):
        checked_data(text)


@pytest.mark.parametrize("inside", ["", "1", '{"a": 1}'])
def test_depth_counts_arrays_and_objects(inside: str) -> None:
    """The outermost is one deep; a text or a number inside adds nothing, an object does."""
    deepest = limits.DATA_DEPTH_MAX - inside.startswith("{")
    assert checked_data(nested(deepest, inside)) == nested(deepest, inside)
    with pytest.raises(ValueError, match=f"DATA_DEPTH_MAX = {limits.DATA_DEPTH_MAX}; it is 65 deep"):
        checked_data(nested(deepest + 1, inside))


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_what_is_too_deep_to_be_read_names_the_same_limit(depth: int) -> None:
    """However deep it is, the error is about depth, not about grammar."""
    with pytest.raises(ValueError, match="DATA_DEPTH_MAX = 64; it is"):
        checked_data(nested(depth))


def test_bytes_are_those_of_utf_8() -> None:
    """A limit in bytes counts what is written, not characters."""
    fits = json.dumps("é" * (limits.DATA_BYTES_MAX // 2 - 1), ensure_ascii=False)
    assert fits == Personal(data=fits).data
    with pytest.raises(ValueError, match=f"DATA_BYTES_MAX; it is {limits.DATA_BYTES_MAX + 2}"):
        checked_data(fits[:-1] + 'é"')
