"""Who may do what: one table of the native routes, and the middleware that holds every request to it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, urlencode

from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from ledger_queries.problems import problem_response
from ledger_schemas.access import Caller, Directory, Role
from ledger_schemas.errors import Forbidden, LedgerError
from ledger_schemas.field_types import Id

NOBODY: Final = secrets.token_hex(16)
"""A tenant, and a recipient, that no event names: what a credential does not reach is answered as if asked of it."""

_ID: Final = TypeAdapter(Id)

_LISTED: Final = "ledger.listed"
"""In the scope of a request that a rule is for."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which roles a route is for, and which of its query parameters the credential decides.

    A parameter that is left out is the credential's; one that names another's is answered as an unknown one is.
    """

    roles: frozenset[Role]
    decided: tuple[str, ...] = field(default=())


_TENANT: Final = ("tenant",)
_INBOX: Final = ("tenant", "recipient")

_ANYBODY: Final = Rule(frozenset(Role))
_EMITTERS: Final = Rule(frozenset({Role.SERVICE, Role.OPERATOR}))
_LISTS: Final = Rule(frozenset({Role.APPLICATION, Role.ANALYST, Role.AUDITOR, Role.OPERATOR}), _TENANT)
_INBOXES: Final = Rule(_LISTS.roles | {Role.PERSON}, _INBOX)
_MARKERS: Final = Rule(frozenset({Role.APPLICATION, Role.PERSON, Role.OPERATOR}))
_ONE: Final = Rule(frozenset({Role.APPLICATION, Role.AUDITOR, Role.OPERATOR}), _TENANT)
_QUARANTINE: Final = Rule(frozenset({Role.AUDITOR, Role.OPERATOR}), _TENANT)
_OPERATORS: Final = Rule(frozenset({Role.OPERATOR}))

OPEN_ROUTES: Final = frozenset({("GET", "/health/live"), ("GET", "/health/ready")})
"""What answers without a credential, also before the directory was read."""

RULES: Final[Mapping[tuple[str, str], Rule]] = MappingProxyType(
    {
        ("GET", "/openapi.json"): _ANYBODY,
        ("POST", "/v1/events"): _EMITTERS,
        ("GET", "/v1/notifications"): _LISTS,
        ("GET", "/v1/notifications/count"): _LISTS,
        ("GET", "/v1/notifications/{notification_id}"): _ONE,
        ("GET", "/v1/inbox"): _INBOXES,
        ("GET", "/v1/inbox/count"): _INBOXES,
        ("GET", "/v1/inbox/badge"): _INBOXES,
        ("POST", "/v1/inbox/marks"): _MARKERS,
        ("GET", "/v1/deliveries"): _LISTS,
        ("GET", "/v1/deliveries/count"): _LISTS,
        ("GET", "/v1/operator/quarantine"): _QUARANTINE,
        ("GET", "/v1/operator/quarantine/count"): _QUARANTINE,
        ("GET", "/v1/operator/quarantine/{partition}/{offset}"): _QUARANTINE,
        ("POST", "/v1/operator/quarantine/retries"): _OPERATORS,
        ("POST", "/v1/operator/snapshots"): _OPERATORS,
    }
)
"""Every native route that a credential opens, by method and path template. What is not here is refused to everyone."""


def asking(request: Request) -> Caller:
    """Return who asks, as `Access` found out."""
    caller: Caller = request.state.caller
    return caller


def bearer_of(headers: Headers) -> str | None:
    """Return the credential of `Authorization: Bearer`; None: there is no such header; one that is malformed is ''."""
    values = headers.getlist("authorization")
    if not values:
        return None
    scheme, _, credential = values[0].partition(" ")
    return credential.strip() if len(values) == 1 and scheme.lower() == "bearer" else ""


async def listed(request: Request) -> None:
    """Refuse a route that no rule is for: a dependency of the whole application. Raises Forbidden."""
    if not request.scope.get(_LISTED, False):
        raise Forbidden(f"No role may {request.method} {request.url.path}.", hint="It is in no rule of `access`.")


class Access:
    """ASGI middleware: lets a request pass when its credential holds and its role is in the route's rule.

    It decides before anything of the request is parsed. The caller is at `request.state.caller`. A path or a method
    that no rule is for is the application's to answer: it has no such route, or `listed` refuses it.
    """

    def __init__(self, app: ASGIApp, *, directory: Directory, rules: Mapping[tuple[str, str], Rule] = RULES) -> None:
        """Stand before `app`."""
        self._app = app
        self._directory = directory
        # A literal path before one with parameters that it fits, too.
        templates = sorted({*rules, *OPEN_ROUTES}, key=lambda route: route[1].count("{"))
        self._templates = [(method, path, compile_path(path)[0]) for method, path in templates]
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its caller, or answer 401, 403 or 503 as a problem document."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            admitted = self._admitted(scope)
        except LedgerError as error:
            await problem_response(error, scope["path"])(scope, receive, send)
        else:
            await self._app(admitted, receive, send)

    def _admitted(self, scope: Scope) -> Scope:
        route = self._route(scope["method"], scope["path"])
        if route in OPEN_ROUTES:
            return {**scope, _LISTED: True}
        caller = self._directory.authenticate(bearer_of(Headers(scope=scope)))
        admitted = {**scope, "state": {**scope.get("state", {}), "caller": caller}}
        if route is None:
            return admitted
        rule = self._rules[route]
        if caller.role not in rule.roles:
            raise Forbidden(
                f"The role {caller.role} may not {' '.join(route)}.",
                hint=f"It is for: {', '.join(sorted(rule.roles))}.",
            )
        return {**admitted, _LISTED: True, "query_string": _decided(scope["query_string"], caller, rule)}

    def _route(self, method: str, path: str) -> tuple[str, str] | None:
        found = (template for one, template, pattern in self._templates if one == method and pattern.match(path))
        template = next(found, None)
        return None if template is None else (method, template)


def _decided(query: bytes, caller: Caller, rule: Rule) -> bytes:
    """Return the query string with what the credential decides in it."""
    own = {"tenant": caller.tenant_id, "recipient": caller.recipient_id}
    decided = {name: value for name in rule.decided if (value := own[name]) is not None}
    if not decided:
        return query
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="utf-8")
    kept = [(name, _named(value, decided.get(name))) for name, value in given]
    named = {name for name, _ in given}
    return urlencode([*kept, *((name, value) for name, value in decided.items() if name not in named)]).encode("ascii")


def _named(value: str, own: str | None) -> str:
    """Return NOBODY in the place of another's id. What is no id stays: the route refuses it, whoever asks."""
    if own is None or value == own:
        return value
    try:
        _ID.validate_python(value)
    except ValidationError:
        return value
    return NOBODY
