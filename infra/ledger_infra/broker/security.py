"""What a client must show to reach the native broker: TLS and SASL for its client listener."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ledger_schemas.connection import KafkaConnection, SaslMechanism, Secret, SecurityProtocol
from ledger_schemas.errors import SettingInvalid

_PKCS8_HEADER: Final = b"-----BEGIN PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class ListenerSecurity:
    """How the client listener authenticates both sides.

    All files are PEM. TLS takes `certificate_file` (the server's, with its chain), `key_file` (PKCS #8, not encrypted)
    and `ca_file` (what clients verify the server with, and the server its clients when `client_certificates` is set).
    SASL takes `sasl_mechanism` and `users`, name to password. SCRAM passwords are stored when the data directory is
    first used and stay as they were then.
    """

    protocol: SecurityProtocol
    certificate_file: Path | None = None
    key_file: Path | None = None
    ca_file: Path | None = None
    client_certificates: bool = False
    sasl_mechanism: SaslMechanism | None = None
    users: Mapping[str, Secret] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise SettingInvalid when the protocol and the rest do not fit together."""
        if self.tls and not (self.certificate_file and self.key_file and self.ca_file):
            raise SettingInvalid(
                f"A listener with {self.protocol} needs certificates.",
                hint="Set certificate_file, key_file and ca_file.",
                field="security.certificate_file",
            )
        if self.sasl and not (self.sasl_mechanism and self.users):
            raise SettingInvalid(
                f"A listener with {self.protocol} needs users.",
                hint="Set sasl_mechanism and users.",
                field="security.users",
            )

    @property
    def tls(self) -> bool:
        """Say whether the listener speaks TLS."""
        return self.protocol in {"SSL", "SASL_SSL"}

    @property
    def sasl(self) -> bool:
        """Say whether the listener asks for a user and a password."""
        return self.protocol in {"SASL_PLAINTEXT", "SASL_SSL"}

    def write_keystore(self, path: Path) -> None:
        """Write key and certificates into the one PEM file that Kafka wants, readable by this user alone.

        Raises SettingInvalid when a file cannot be read, or the key is not PKCS #8 without a password.
        """
        if self.certificate_file is None or self.key_file is None:
            return
        try:
            key, certificates = self.key_file.read_bytes(), self.certificate_file.read_bytes()
        except OSError as error:
            raise SettingInvalid(
                f"{error.filename} cannot be read: {error.strerror}.",
                hint="Name PEM files that this user can read.",
                field="security.key_file",
            ) from error
        if _PKCS8_HEADER not in key:
            raise SettingInvalid(
                f"{self.key_file} holds no PKCS #8 key without a password.",
                hint="Convert it: openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW_KEY",
                field="security.key_file",
            )
        write_private(path, key.rstrip() + b"\n" + certificates)

    def connection(self, bootstrap_servers: str) -> KafkaConnection:
        """Return how the first of `users` reaches the listener."""
        username, password = next(iter(self.users.items()), (None, None))
        return KafkaConnection(
            bootstrap_servers=bootstrap_servers,
            security_protocol=self.protocol,
            ssl_ca_file=str(self.ca_file) if self.tls else None,
            sasl_mechanism=self.sasl_mechanism if self.sasl else None,
            sasl_username=username if self.sasl else None,
            sasl_password=password if self.sasl else None,
        )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user can read; its secrets are never readable by others, not even for a moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
