import pytest

from ledger_schemas.access import Role
from ledger_schemas.errors import DirectoryUnread

from .serving import NOVU, OTHER_TENANT, SUGER, Served, credential, secret_of
from .suger import OF_THE_SAMPLES, PATH, ask, ids, refused

KEY = secret_of(SUGER)


@pytest.mark.acceptance("S1-36")
@pytest.mark.parametrize("header", [f"Key {KEY}", f"Bearer {KEY}", f"key {KEY}", f"BEARER  {KEY}"])
def test_a_key_and_a_bearer_token_let_in(ledger: Served, header: str) -> None:
    """The name of a scheme is the same in any case of letters."""
    answer = ask(ledger, OF_THE_SAMPLES, headers={"Authorization": header})
    assert answer.status_code == 200
    assert len(ids(answer.json())) == 5


@pytest.mark.acceptance("S1-36")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": KEY},
        {"Authorization": "Key"},
        {"Authorization": "Key wrong"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"ApiKey {KEY}"},
        {"Authorization": f"Basic {KEY}"},
        {"X-Api-Key": KEY},
    ],
)
def test_without_a_key_that_holds_nobody_is_let_in(ledger: Served, headers: dict[str, str]) -> None:
    """401, whatever else is wrong with the request: a stranger learns no parameter."""
    for params in ({}, {"limit": "none"}, {"unknown": "1"}):
        answer = ask(ledger, params, headers=headers)
        refused(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Key, Bearer"


@pytest.mark.acceptance("S1-36")
def test_a_ledger_without_keys_lets_nobody_in(fresh_ledger: Served) -> None:
    """Suger's API has no access without a credential, so the dialect has none on loopback either."""
    fresh_ledger.callers.clear()
    refused(ask(fresh_ledger, headers={}), 401)
    refused(ask(fresh_ledger, headers={"Authorization": f"Key {KEY}"}), 401)


@pytest.mark.acceptance("S1-36")
def test_while_nobody_can_be_let_in_the_ledger_says_so(fresh_ledger: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its directory is not read yet: 500, with the advice to ask again."""

    def unread(_: str | None) -> None:
        raise DirectoryUnread("The directory is not read yet.")

    monkeypatch.setattr(fresh_ledger.directory, "authenticate", unread)
    answer = ask(fresh_ledger)
    assert refused(answer, 500) == "The directory is not read yet."
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.acceptance("S1-37")
@pytest.mark.parametrize("tenant", [NOVU, OTHER_TENANT])
def test_a_key_of_another_organization_learns_nothing(ledger: Served, tenant: str) -> None:
    """It gets one answer for an organization that there is, for one that there is not, and as a wrong key does."""
    header = credential("suger", tenant=tenant)
    known = ask(ledger, headers=header)
    unknown = ask(ledger, path="/suger/org/nowhere/notificationEvent", headers=header)
    wrong = ask(ledger, headers={"Authorization": "Key wrong"})
    refused(known, 401)
    for other in (unknown, wrong):
        assert known.status_code == other.status_code
        assert known.content == other.content
        assert {**known.headers, "date": ""} == {**other.headers, "date": ""}


@pytest.mark.acceptance("S1-37")
@pytest.mark.parametrize("role", [Role.SERVICE, Role.ANALYST])
def test_roles_that_do_not_read_events_are_refused(ledger: Served, role: Role) -> None:
    """As a wrong key is."""
    refused(ask(ledger, headers=credential("suger", role=role)), 401)


@pytest.mark.acceptance("S1-37")
def test_a_person_is_refused(ledger: Served) -> None:
    """An event shows all of its contacts, and a person may see one inbox alone."""
    refused(ask(ledger, headers=credential("suger", user="contact-ann")), 401)


@pytest.mark.acceptance("S1-37")
def test_an_auditor_and_the_operator_read_as_an_application_does(ledger: Served) -> None:
    """The operator of any organization: the path names it. One that there is not is empty."""
    expected = ask(ledger, OF_THE_SAMPLES).json()
    operator = {"Authorization": f"Key {secret_of(None, role=Role.OPERATOR)}"}
    for headers in (credential("suger", role=Role.AUDITOR), operator):
        assert ask(ledger, OF_THE_SAMPLES, headers=headers).json() == expected
    nowhere = ask(ledger, path=PATH.replace(SUGER, "nowhere"), headers=operator)
    assert nowhere.json() == {"notificationEvents": [], "totalCount": 0}
    refused(ask(ledger, path=PATH.replace(SUGER, "x" * 129), headers=operator), 400)
