"""The native API put together: health, the read routes, whatever routers are handed in, one shape of error."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from ledger_queries.access import OPEN_ROUTES, Access, listed
from ledger_queries.content_encoding import ContentEncodings
from ledger_queries.desk import Desk
from ledger_queries.dialects import dialect_apps
from ledger_queries.dialects.dialect import Mounts
from ledger_queries.head import HeadAsGet
from ledger_queries.health import Readiness, health_router
from ledger_queries.mark_routes import mark_router, request_schemas
from ledger_queries.problems import Problem, install_problems, problem_responses
from ledger_queries.request_texts import Utf8Requests
from ledger_queries.routes import read_router


def create_app(
    desk: Desk,
    *,
    readiness: Callable[[], Readiness],
    routers: Sequence[APIRouter] = (),
) -> FastAPI:
    """Put the API together.

    `desk` answers the questions. `readiness` is called in a worker thread. `routers` are added as they are, under the
    same error shape. Every request but those for health needs what the directory of the desk asks for.
    """
    app = FastAPI(
        title="Notification ledger",
        version="1",
        summary="What happened to every notification: list, get, count.",
        description="Every answer states the position in the log that it reflects; `at_least` asks for one. "
        "Errors are application/problem+json. Once a key was issued, every request needs one; the key's tenant, and "
        "a person's recipient, may then be left out. Until then, and for an operator, `tenant` is required.",
        # Their pages load scripts from elsewhere; the document itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(listed)],
    )
    app.add_middleware(ContentEncodings)
    app.add_middleware(Access, directory=desk.directory)
    app.add_middleware(Utf8Requests)
    install_problems(app)
    app.add_middleware(Mounts, dialects=dialect_apps(desk))
    app.add_middleware(HeadAsGet)  # The last one is the first that a request meets.
    for router in (health_router(readiness), read_router(desk), mark_router(desk), *routers):
        app.include_router(router)
    # The documented way to extend FastAPI's document is to replace this method.
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return FastAPI's document with our shape of error in place of its own, which is never sent."""
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
    )
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if (method.upper(), path) in OPEN_ROUTES:
                operation["security"] = []
            else:
                operation["responses"] = problem_responses(401, 403, 503) | operation["responses"]
                for parameter in operation.get("parameters", ()):
                    # The credential says it; without one the route asks for it.
                    parameter["required"] = parameter["required"] and parameter["name"] != "tenant"
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas |= request_schemas()
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"key": []}, {}]
    for page in ("NotificationPage", "InboxEntryPage", "DeliveryPage"):
        _rows_by_choice(schemas, schemas[page])
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return document


def _rows_by_choice(schemas: dict[str, Any], page: dict[str, Any]) -> None:
    """Let the rows of a page be whole, or only what the parameter `fields` chose of them."""
    whole = page["properties"]["rows"]["items"]
    name = whole["$ref"].rpartition("/")[2]
    chosen = {key: value for key, value in schemas[name].items() if key != "required"}
    schemas[f"{name}Fields"] = {**chosen, "title": f"{name}Fields", "description": "What `fields` chose of a row."}
    page["properties"]["rows"]["items"] = {"anyOf": [whole, {"$ref": f"#/components/schemas/{name}Fields"}]}
