"""The native API put together: health, the read routes, whatever routers are handed in, one shape of error."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from ledger_queries.content_encoding import ContentEncodings
from ledger_queries.desk import Desk
from ledger_queries.dialects import dialect_apps
from ledger_queries.dialects.dialect import Mounts
from ledger_queries.head import HeadAsGet
from ledger_queries.health import Readiness, health_router
from ledger_queries.mark_routes import mark_router, request_schemas
from ledger_queries.problems import Problem, install_problems
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
    same error shape. Bind it to loopback: there are no credentials yet.
    """
    app = FastAPI(
        title="Notification ledger",
        version="1",
        summary="What happened to every notification: list, get, count.",
        description="Every answer states the position in the log that it reflects; `at_least` asks for one. "
        "Errors are application/problem+json. Until there are credentials, `tenant` is a required parameter.",
        # Their pages load scripts from elsewhere; the document itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(ContentEncodings)
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
    for path in document["paths"].values():
        for operation in path.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas |= request_schemas()
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return document
