"""The published contract: documents for services in any language, generated from what the ledger itself runs on."""

from ledger_infra.contract.asyncapi import asyncapi_document
from ledger_infra.contract.directory import directory_page
from ledger_infra.contract.frame_picture import frame_picture
from ledger_infra.contract.page import contract_page

__all__ = ["asyncapi_document", "contract_page", "directory_page", "frame_picture"]
