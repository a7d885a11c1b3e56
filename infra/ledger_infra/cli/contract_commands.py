"""The command around the published contract: its documents, written out or compared with what lies there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from ledger_schemas.errors import SettingInvalid

STALE_EXIT_CODE: Final = 1

_stderr = Console(stderr=True)


class Document(StrEnum):
    """The documents that there are."""

    ASYNCAPI = "asyncapi"
    PAGE = "page"
    PICTURE = "picture"
    DIRECTORY = "directory"


FILE_NAMES: Final[Mapping[Document, str]] = {
    Document.ASYNCAPI: "asyncapi.json",
    Document.PAGE: "contract.md",
    Document.PICTURE: "frame.svg",
    Document.DIRECTORY: "directory.md",
}
"""How each is called where it is published."""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(contract)


def document_text(document: Document) -> str:
    """Return one document as it is published."""
    # Imported here: it would cost every other command a third of a second.
    from ledger_infra.contract import (  # noqa: PLC0415 - see above
        asyncapi_document,
        contract_page,
        directory_page,
        frame_picture,
    )

    makers: Mapping[Document, Callable[[], str]] = {
        Document.ASYNCAPI: lambda: json.dumps(asyncapi_document(), indent=2, ensure_ascii=False) + "\n",
        Document.PAGE: contract_page,
        Document.PICTURE: frame_picture,
        Document.DIRECTORY: directory_page,
    }
    return makers[document]()


def contract(
    document: Annotated[
        Document | None, typer.Argument(help="Which one is written to standard output, without --folder.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Write all documents, or the one that is named, into this folder.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a file there is not current.")] = False,
) -> None:
    """Generate the published contract: the AsyncAPI document, the page, its picture, the directory's page.

    `--check` exits with 1 and names what is stale.
    """
    if folder is None:
        if document is None or check:
            raise SettingInvalid(
                "contract: nothing says which file is meant.",
                hint="Name a document, or a folder with --folder; in this repository: --folder schemas/contract.",
                field="folder",
            )
        typer.echo(document_text(document), nl=False)
        return
    stale = False
    for one in [document] if document else list(Document):
        path, text = folder / FILE_NAMES[one], document_text(one)
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale = True
            _stderr.print(f"{path} is not current.", markup=False, highlight=False, soft_wrap=True)
    if stale:
        _stderr.print("Write it again without --check.", style="yellow")
        raise typer.Exit(STALE_EXIT_CODE)
