import re
from collections import defaultdict
from http import HTTPStatus

import pytest

from ledger_schemas import errors
from ledger_schemas.errors import (
    KindUnknown,
    LedgerError,
    SchemaUnknown,
    SchemaUnusable,
    Unavailable,
    Undecodable,
    all_errors,
)

LINE = re.compile(r"(?P<branch>[ │├└─]*)(?P<name>\w+) +(?P<code>[a-z_]+) +(?P<rest>.*)")
SHELL_RESERVES_FROM = 126
ROW = tuple[str | None, str, int, int, bool]

OURS = [error for error in all_errors() if error.__module__ == errors.__name__]

each_error = pytest.mark.parametrize("error", OURS, ids=lambda error: error.__name__)


def drawn_tree() -> dict[str, ROW]:
    """Return the tree that the module's docstring draws: name -> (parent, code, status, exit code, retry)."""
    rows: dict[str, ROW] = {}
    parents: list[str] = ["LedgerError"]
    for line in (errors.__doc__ or "").splitlines():
        match = LINE.fullmatch(line)
        if match and match["branch"].rstrip().endswith("──"):
            depth = len(match["branch"]) // 4 - 1
            status, exit_code, retry = match["rest"].split()
            assert retry in {"yes", "no"}
            parents[depth:] = [match["name"]]
            rows[match["name"]] = (parents[depth - 1], match["code"], int(status), int(exit_code), retry == "yes")
    return rows


def test_the_drawn_tree_is_the_tree() -> None:
    """Names, parents, codes, HTTP statuses, exit codes and retries stand in the docstring as they are."""
    assert drawn_tree() == {
        error.__name__: (error.__base__.__name__, error.code, error.status, error.exit_code, error.retryable)
        for error in OURS
        if error is not LedgerError and error.__base__ is not None
    }


def test_parents_come_before_children() -> None:
    """all_errors lists the root first, and every class once."""
    assert OURS[0] is LedgerError
    assert len(OURS) == len(set(OURS))
    assert all(OURS.index(error.__base__) < n for n, error in enumerate(OURS) if n and error.__base__)


def test_codes_are_unique() -> None:
    """Programs match on them."""
    assert len(OURS) == len({error.code for error in OURS})


@each_error
def test_a_code_is_the_name_of_its_class(error: type[LedgerError]) -> None:
    """An error's name is its code, in the words of the reader; each class states its own."""
    assert error.code == re.sub(r"(?<=[a-z])(?=[A-Z])", "_", error.__name__).lower()
    assert "code" in vars(error)


def test_an_exit_code_means_one_thing() -> None:
    """Only the sorts of undecodable share: to a script they are one thing."""
    by_code = defaultdict(set)
    for error in OURS:
        by_code[error.exit_code].add(error)
    assert [{Undecodable, SchemaUnknown, KindUnknown, SchemaUnusable}] == [
        sharing for sharing in by_code.values() if len(sharing) > 1
    ]


@each_error
def test_statuses_and_exit_codes_are_sane(error: type[LedgerError]) -> None:
    """An HTTP error that exists; an exit code that is neither success nor the shell's own."""
    assert HTTPStatus(error.status) >= HTTPStatus.BAD_REQUEST
    assert 0 < error.exit_code < SHELL_RESERVES_FROM


@each_error
def test_retrying_helps_exactly_when_something_is_away(error: type[LedgerError]) -> None:
    """503 and 504 are worth a retry, and nothing else is."""
    assert error.retryable == (error.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
    assert error.retryable or not issubclass(error, Unavailable)


@each_error
def test_every_class_says_when_it_is_raised(error: type[LedgerError]) -> None:
    """A docstring of its own, in sentences."""
    assert (vars(error)["__doc__"] or "").rstrip().endswith(".")


def test_an_error_shows_its_message_and_its_hint() -> None:
    """As one line; each part can be had apart."""
    error = LedgerError("It broke.", hint="Mend it.", field="a.b")
    assert (
        str(error),
        error.message,
        error.hint,
        error.field,
    ) == ("It broke. Mend it.", "It broke.", "Mend it.", "a.b")
    assert str(LedgerError("It broke.")) == "It broke."
