"""One sample of a vendor's API: a notification in the vendor's own shape, and where its document shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Vendor = Literal["suger", "realtimeregister", "novu", "nextinteract", "easir"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One notification as a vendor's API answers with it (`row`), and the heading that it stands below.

    `id_repeats`: an earlier sample of the document has the same id for another notification.
    """

    vendor: Vendor
    heading: str
    row: Mapping[str, Any]
    id_repeats: bool = False


def tenant_of(vendor: Vendor) -> str:
    """Return the tenant that a vendor's samples belong to."""
    return f"{vendor}-demo"
