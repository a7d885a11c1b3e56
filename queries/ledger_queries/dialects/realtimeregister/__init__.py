"""The dialect of Realtime Register: a notification of one customer."""

from ledger_queries.dialects.realtimeregister.app import realtimeregister_app

__all__ = ["realtimeregister_app"]
