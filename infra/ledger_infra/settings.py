"""All settings of the ledger: one class, one prefix, checked at start. Nothing else reads the environment."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger_schemas.connection import KafkaConnection, SaslMechanism, Secret, SecurityProtocol
from ledger_schemas.errors import SettingInvalid
from ledger_schemas.registry import RegistryConnection
from ledger_schemas.schema_store import SCHEMA_WAIT_SECONDS
from ledger_schemas.topic import (
    DIRECTORY_TOPIC,
    LIFECYCLE_TOPIC,
    PARTITIONS_DEFAULT,
    SCHEMAS_TOPIC,
    TopicSpec,
    directory_topic_spec,
    schemas_topic_spec,
)

ENVIRONMENT_PREFIX = "NOTIFICATION_LEDGER_"

PORT_MAX = 65_535

DEAD_LETTER_PARTITIONS = 1
"""One order for all who read it; there are few."""

Port = Annotated[int, Field(ge=1, le=PORT_MAX)]

_REGISTRY_URL = re.compile(r"https?://[^/?#@\s,]+(/[^?#@\s,]*)?")
_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


class Settings(BaseSettings):
    """Every setting, read from the environment as NOTIFICATION_LEDGER_<NAME>; flags of a command come before it."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True)

    data_dir: Annotated[
        Path, Field(description="Where the read model, the embedded broker's log and snapshots lie.")
    ] = Path("data")
    cache_dir: Annotated[
        Path | None, Field(description="Where downloaded broker files are kept; default: the user's cache directory.")
    ] = None

    bootstrap_servers: Annotated[
        str | None, Field(description="`host:port,...` of a Kafka cluster; none: a native broker is started.")
    ] = None
    broker_port: Annotated[Port, Field(description="Loopback port of the native broker.")] = 9092
    security_protocol: Annotated[
        SecurityProtocol, Field(description="How to talk to Kafka: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.")
    ] = "PLAINTEXT"
    ssl_ca_file: Annotated[str | None, Field(description="PEM file of the authorities that sign the brokers.")] = None
    ssl_certificate_file: Annotated[str | None, Field(description="PEM file of our certificate, for mutual TLS.")] = (
        None
    )
    ssl_key_file: Annotated[str | None, Field(description="PEM file of our key, for mutual TLS.")] = None
    ssl_key_password: Annotated[SecretStr | None, Field(description="Password of that key.")] = None
    ssl_check_hostname: Annotated[bool, Field(description="Whether a broker's certificate must name its host.")] = True
    sasl_mechanism: Annotated[
        SaslMechanism | None, Field(description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, with a SASL_ protocol.")
    ] = None
    sasl_username: Annotated[str | None, Field(description="SASL user.")] = None
    sasl_password: Annotated[SecretStr | None, Field(description="SASL password.")] = None

    topic: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$", description="The lifecycle topic: one per ledger.")
    ] = LIFECYCLE_TOPIC
    partitions: Annotated[int, Field(ge=1, le=1_000, description="Partitions of the topic, fixed for its life.")] = (
        PARTITIONS_DEFAULT
    )
    schemas_topic: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$", description="The schema topic: writer schemas travel in it.")
    ] = SCHEMAS_TOPIC
    directory_topic: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{1,249}$", description="The directory's topic: keys, tenants, teams and devices."
        ),
    ] = DIRECTORY_TOPIC
    replication_factor: Annotated[
        int, Field(ge=1, le=16, description="Replicas when the topic is made; 3 in production.")
    ] = 1
    min_insync_replicas: Annotated[
        int, Field(ge=1, le=16, description="Replicas that must have an event before it is safe; 2 in production.")
    ] = 1

    api_host: Annotated[
        str, Field(min_length=1, description="Address that the API binds; loopback only, until a key was issued.")
    ] = "127.0.0.1"
    api_port: Annotated[Port, Field(description="Port of the API.")] = 8080
    api_key: Annotated[SecretStr | None, Field(description="Key that the commands ask an API with.")] = None

    batch_records_max: Annotated[
        int, Field(ge=1, le=1_000_000, description="Records of one projector batch when catching up.")
    ] = 200_000
    quarantine_max: Annotated[
        int,
        Field(
            ge=0, description="Quarantined records in a window of a partition, without conflicts; more are an alarm."
        ),
    ] = 100
    quarantine_window_records: Annotated[
        int,
        Field(ge=1, description="Consecutive records in a window; more than half unreadable stop the projector."),
    ] = 10_000

    dead_letter_topic: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9._-]{0,249}$",
            description="Topic that quarantined records are put on too; none: they are in the table alone.",
        ),
    ] = None

    schema_wait_seconds: Annotated[
        float,
        Field(ge=0, le=3_600, description="How long a batch waits for a writer schema that the schema topic lacks."),
    ] = SCHEMA_WAIT_SECONDS
    schema_registry_url: Annotated[
        str | None,
        Field(description="URL of a Confluent schema registry; with it, events get Confluent frames."),
    ] = None
    schema_registry_username: Annotated[str | None, Field(description="User of the registry (basic auth).")] = None
    schema_registry_password: Annotated[SecretStr | None, Field(description="Password of that user.")] = None
    schema_registry_ca_file: Annotated[
        str | None, Field(description="PEM file of the authorities that sign the registry.")
    ] = None
    cloud_events: Annotated[
        bool, Field(description="Whether records also have the headers of a CloudEvent in binary mode.")
    ] = False

    log_format: Annotated[
        Literal["auto", "console", "json"],
        Field(description="Log lines; auto: readable in a terminal, JSON otherwise."),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least level that is logged.")
    ] = "info"

    @field_validator("dead_letter_topic")
    @classmethod
    def _none_if_empty(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("bootstrap_servers")
    @classmethod
    def _addresses(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not all(_is_address(one) for one in value.split(",")):
            message = (
                "must be `host:port`, or several with a comma and no space between, each port from 1 to 65535 "
                "and an IPv6 address in brackets"
            )
            raise ValueError(message)
        return value

    @field_validator("schema_registry_url")
    @classmethod
    def _registry_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        # Credentials in a URL would be shown wherever the setting is.
        if _REGISTRY_URL.fullmatch(value) is None:
            message = "must be `http://host:port` or `https://host:port`, a path may follow, and no user in it"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _topics_differ(self) -> Self:
        if self.schemas_topic == self.topic:
            message = "schemas_topic must be another topic than the lifecycle topic"
            raise ValueError(message)
        if self.directory_topic in {self.topic, self.schemas_topic}:
            message = "directory_topic must be another topic than the lifecycle topic and the schema topic"
            raise ValueError(message)
        if self.dead_letter_topic in {self.topic, self.schemas_topic, self.directory_topic}:
            message = "dead_letter_topic must be another topic than those that hold facts"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _replicas_fit(self) -> Self:
        if self.min_insync_replicas > self.replication_factor:
            message = "min_insync_replicas must not be more than replication_factor"
            raise ValueError(message)
        return self

    def connection(self, bootstrap_servers: str | None = None) -> KafkaConnection:
        """Return how to reach Kafka: at `bootstrap_servers` if given, else at the configured address."""
        if bootstrap_servers is None:
            bootstrap_servers = self.bootstrap_servers
        if bootstrap_servers is None:
            bootstrap_servers = f"127.0.0.1:{self.broker_port}"
        return KafkaConnection(
            bootstrap_servers=bootstrap_servers,
            security_protocol=self.security_protocol,
            ssl_ca_file=self.ssl_ca_file,
            ssl_certificate_file=self.ssl_certificate_file,
            ssl_key_file=self.ssl_key_file,
            ssl_key_password=_secret(self.ssl_key_password),
            ssl_check_hostname=self.ssl_check_hostname,
            sasl_mechanism=self.sasl_mechanism,
            sasl_username=self.sasl_username,
            sasl_password=_secret(self.sasl_password),
        )

    def topic_spec(self) -> TopicSpec:
        """Return what the lifecycle topic must look like."""
        return TopicSpec(self.topic, self.partitions, self.replication_factor, self.min_insync_replicas)

    def schemas_topic_spec(self) -> TopicSpec:
        """Return what the schema topic must look like."""
        return schemas_topic_spec(self.schemas_topic, self.replication_factor, self.min_insync_replicas)

    def directory_topic_spec(self) -> TopicSpec:
        """Return what the directory's topic must look like."""
        return directory_topic_spec(self.directory_topic, self.replication_factor, self.min_insync_replicas)

    @property
    def api_is_loopback(self) -> bool:
        """Whether other machines cannot reach the API."""
        return self.api_host == "localhost" or _is_loopback(self.api_host)

    def topic_specs(self) -> list[TopicSpec]:
        """Return what each topic of the ledger must look like; the dead-letter topic is one when it is asked for."""
        specs = [self.topic_spec(), self.schemas_topic_spec(), self.directory_topic_spec()]
        if self.dead_letter_topic is not None:
            replicas = (self.replication_factor, self.min_insync_replicas)
            specs.append(TopicSpec(self.dead_letter_topic, DEAD_LETTER_PARTITIONS, *replicas, holds_facts=False))
        return specs

    def registry_connection(self) -> RegistryConnection | None:
        """Return how to reach the schema registry; None when none is configured."""
        if self.schema_registry_url is None:
            return None
        return RegistryConnection(
            self.schema_registry_url,
            self.schema_registry_username,
            _secret(self.schema_registry_password),
            self.schema_registry_ca_file,
        )


def load_settings(**overrides: object) -> Settings:
    """Return the settings from the environment, with `overrides` (None: not given) before it.

    Raises SettingInvalid that names the setting, its environment variable and what is allowed; the value is not
    repeated, it may be a secret.
    """
    _refuse_unknown_variables()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(given) if not given else Settings(**given)  # type: ignore[arg-type] # checked by pydantic itself
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        message = str(first["msg"]).removeprefix("Value error, ")
        raise SettingInvalid(
            f"Setting {name}: {message}.",
            hint=f"Correct {ENVIRONMENT_PREFIX}{name.upper()} or the flag; see `notification-ledger settings`.",
            field=name,
        ) from None


def _refuse_unknown_variables() -> None:
    """Refuse a misspelt variable, which would otherwise be passed over in silence."""
    known = [ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields]
    for name in os.environ:
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name.upper() not in known:
            close = difflib.get_close_matches(name.upper(), known, n=1)
            raise SettingInvalid(
                f"There is no setting {name}.",
                hint=f"Did you mean {close[0]}?" if close else "`notification-ledger settings` shows all.",
                field=name,
            )


def environment_without_settings() -> dict[str, str]:
    """Return this process's environment for a child that is told everything by flags."""
    return {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}


def _secret(value: SecretStr | None) -> Secret | None:
    return None if value is None else Secret(value.get_secret_value())


def _is_loopback(value: str) -> bool:
    try:
        return ipaddress.ip_address(value).is_loopback
    except ValueError:
        return False


def _is_address(value: str) -> bool:
    found = _ADDRESS.fullmatch(value)
    if found is None or not 1 <= int(found["port"]) <= PORT_MAX:
        return False
    try:
        return found["ipv6"] is None or bool(ipaddress.IPv6Address(found["ipv6"]))
    except ValueError:
        return False
