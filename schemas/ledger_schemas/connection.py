"""How to reach Kafka: one frozen value that every client of the ledger is built from."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any, Literal

from ledger_schemas.errors import SettingInvalid

REQUEST_TIMEOUT_MS = 20_000
"""How long a client waits for one answer of the broker."""

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Secret:
    """A text that shows itself only when asked for by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep `value`; nothing else can read it but `reveal`."""
        self._value = value

    def reveal(self) -> str:
        """Return the text."""
        return self._value

    def __bool__(self) -> bool:
        """Say whether there is a text at all: an empty password is none."""
        return bool(self._value)

    def __repr__(self) -> str:
        """Return a text that says nothing of the secret."""
        return "Secret('***')"


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Addresses and credentials of a Kafka cluster, as aiokafka takes them.

    Paths are PEM files. `sasl_password` and `ssl_key_password` are kept out of `repr`, so that no log line can show
    them.
    """

    bootstrap_servers: str
    security_protocol: SecurityProtocol = "PLAINTEXT"
    ssl_ca_file: str | None = None
    ssl_certificate_file: str | None = None
    ssl_key_file: str | None = None
    ssl_key_password: Secret | None = None
    ssl_check_hostname: bool = True
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password: Secret | None = None
    client_id: str = "notification-ledger"

    def client_options(self) -> dict[str, Any]:
        """Return the keyword arguments that aiokafka's producer, consumer and admin client share.

        Raises SettingInvalid when the security protocol and the credentials do not fit together.
        """
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol in {"SSL", "SASL_SSL"}:
            options["ssl_context"] = self._ssl_context()
        if self.security_protocol in {"SASL_PLAINTEXT", "SASL_SSL"}:
            if not (self.sasl_mechanism and self.sasl_username and self.sasl_password):
                message = f"security_protocol {self.security_protocol} needs a SASL mechanism, username and password."
                raise SettingInvalid(
                    message, hint="Set sasl_mechanism, sasl_username and sasl_password.", field="sasl_mechanism"
                )
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password.reveal()
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        field = "ssl_ca_file"
        try:
            context = ssl.create_default_context(cafile=self.ssl_ca_file)
            context.check_hostname = self.ssl_check_hostname
            if self.ssl_certificate_file:
                field = "ssl_certificate_file"
                # An empty password, never None: with None, OpenSSL asks the terminal for the one that an encrypted
                # key needs, and a service would wait there for ever.
                password = self.ssl_key_password.reveal() if self.ssl_key_password else ""
                context.load_cert_chain(self.ssl_certificate_file, self.ssl_key_file, password)
        except OSError as error:
            message = f"{field}: the TLS files cannot be used: {error}."
            hint = "Check ssl_ca_file, ssl_certificate_file, ssl_key_file (PEM files that this user can read) and "
            raise SettingInvalid(message, hint=f"{hint}ssl_key_password.", field=field) from error
        return context
