"""How each vendor's notification document becomes lifecycle events: one module for each vendor.

Which field goes where is decided in schemas/mapping; a test holds every value of every sample against it.
"""

from ledger_infra.demo.transcripts.sample import Sample, Vendor, tenant_of
from ledger_infra.demo.transcripts.transcribe import transcribe

__all__ = ["Sample", "Vendor", "tenant_of", "transcribe"]
