import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from ledger_schemas import codec
from ledger_schemas.codec import decode_wire
from ledger_schemas.errors import ContractViolation
from ledger_schemas.framing import SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.shipped import current_schema, shipped_schemas, writer_schema
from ledger_schemas.upcasting import RULES, Rule, upcast

from .land import GOLDEN
from .published import document

FIRED = (GOLDEN / "v1/fired-full.bin").read_bytes()
FINGERPRINT = FIRED[2:10]

GOLDEN_FINGERPRINTS = {path.read_bytes()[2:10] for path in GOLDEN.rglob("*.bin")}

TESTS: dict[bytes, Callable[[], None]] = {}
"""The test of each rule, by the fingerprint that the rule is for. Version 1 of every kind needs none."""


def add_rule(monkeypatch: pytest.MonkeyPatch, fingerprint: bytes, rule: Rule) -> None:
    """Let the rules have one more until the test ends."""
    monkeypatch.setitem(cast("dict[bytes, Rule]", RULES), fingerprint, rule)


def test_without_a_rule_values_stay_the_very_same() -> None:
    """Nothing is copied for the events that need nothing."""
    values: dict[str, Any] = {"a": 1}
    assert upcast(current_schema(Kind.FIRED), values) is values


def test_a_rule_is_for_the_schema_that_it_names() -> None:
    """By the fingerprint of the writer schema; an event of any other schema does not meet it."""
    rules: dict[bytes, Rule] = {FINGERPRINT: lambda values: {**values, "provider": "changed"}}
    for schema in shipped_schemas().values():
        expected = {"provider": "changed"} if schema.fingerprint == FINGERPRINT else {"provider": None}
        assert expected == upcast(schema, {"provider": None}, rules)


def test_a_rule_is_applied_once_in_a_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it returns is what the event says; nothing runs it again."""
    seen: list[dict[str, Any]] = []

    def rule(values: dict[str, Any]) -> dict[str, Any]:
        seen.append(values)
        return {**values, "provider": f"{values['provider']}!"}

    add_rule(monkeypatch, FINGERPRINT, rule)
    assert decode_wire(FIRED).values["provider"] == "provider 16!"
    assert len(seen) == 1
    decode_wire((GOLDEN / "v1/read-full.bin").read_bytes())
    assert len(seen) == 1


def test_a_rule_comes_after_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees the fields of the current schema, defaults filled in, of an event that was written before they were."""
    newer = document(Kind.FIRED) | {"version": 2}
    newer["fields"].append({"name": "lane", "type": "string", "default": "slow", "doc": "A lane."})
    current = writer_schema(json.dumps(newer), 2)
    monkeypatch.setattr(codec, "current_schema", lambda _kind: current)
    add_rule(monkeypatch, FINGERPRINT, lambda values: {**values, "lane": values["lane"] + values["source"]})
    assert decode_wire(FIRED).values["lane"] == "slowsource 9"


def test_a_rule_comes_before_the_rules_of_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it makes is checked like anything that was decoded."""
    add_rule(monkeypatch, FINGERPRINT, lambda values: {**values, "tenant_id": ""})
    with pytest.raises(ContractViolation, match="tenant_id"):
        decode_wire(FIRED)


def test_a_rule_holds_for_either_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked up by the schema and not by how the frame names it."""
    add_rule(monkeypatch, FINGERPRINT, lambda values: {**values, "provider": "changed"})
    known = KnownSchemas()
    known.learn(SchemaReference.to_registry_id(7), shipped_schemas()[FINGERPRINT].text)
    assert decode_wire(b"\0\0\0\0\x07" + FIRED[10:], known).values["provider"] == "changed"


def test_every_rule_is_for_a_schema_that_was_shipped_and_is_current_no_more() -> None:
    """A rule for a fingerprint that nothing has would never run; a current schema says what it means itself."""
    current = {current_schema(kind).fingerprint for kind in Kind}
    assert set(RULES) <= set(shipped_schemas()) - current


def test_every_rule_has_a_golden_record_and_a_test_that_passes() -> None:
    """A rule that nothing shows is refused here: give it a record in the corpus and an entry in TESTS."""
    assert set(RULES) == set(TESTS)
    assert set(RULES) <= GOLDEN_FINGERPRINTS
    for shows_what_it_does in TESTS.values():
        shows_what_it_does()
