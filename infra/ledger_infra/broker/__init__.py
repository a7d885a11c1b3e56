"""The native broker: a real Apache Kafka with one command and no prerequisites."""

from ledger_infra.broker.artifacts import Progress, default_cache_dir
from ledger_infra.broker.native import NativeCluster, NativeKafka
from ledger_infra.broker.security import ListenerSecurity

__all__ = ["ListenerSecurity", "NativeCluster", "NativeKafka", "Progress", "default_cache_dir"]
