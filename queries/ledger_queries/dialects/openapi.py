"""The OpenAPI document of a dialect: FastAPI's, without the shape of error that a dialect never sends."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi


def document_app(app: FastAPI) -> None:
    """Give the app a document without FastAPI's own 422, in place of which each dialect has its own errors."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _without_validation_errors(
                get_openapi(
                    title=app.title, version=app.version, summary=app.summary, routes=app.routes, servers=app.servers
                )
            )
        return app.openapi_schema

    # The documented way to extend FastAPI's document is to replace this method.
    app.openapi = document  # type: ignore[method-assign]


def _without_validation_errors(document: dict[str, Any]) -> dict[str, Any]:
    for path in document["paths"].values():
        for operation in path.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    schemas = document.get("components", {}).get("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    return document
