import asyncio
import copy
import dataclasses
import logging
import os
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme
from cryptography.hazmat.primitives import serialization

from ledger_infra.broker.ports import free_ports
from ledger_schemas import KafkaConnection, Secret, TopicSpec
from ledger_schemas.connection import REQUEST_TIMEOUT_MS
from ledger_schemas.errors import BrokerUnavailable, SettingInvalid
from ledger_schemas.topic import check_topic

ASKED_SECONDS = 30
"""After so long, a process waits for an answer from its terminal."""

SECRET = "s3cr3t-9c1e"  # noqa: S105 - what must be seen nowhere
SASL = KafkaConnection(
    "127.0.0.1:1",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-256",
    sasl_username="ledger",
    sasl_password=Secret(SECRET),
    ssl_key_password=Secret(SECRET),
)


@dataclasses.dataclass(frozen=True)
class TlsFiles:
    """PEM files of one authority and one client."""

    authority: str
    certificate: str
    key: str
    encrypted_key: str


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """Give an authority and a client certificate whose key there is in clear and encrypted with SECRET."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    client = authority.issue_cert("client.example")
    files = TlsFiles(*(str(folder / name) for name in ("ca.pem", "client.pem", "key.pem", "encrypted.pem")))
    authority.cert_pem.write_to_path(files.authority)
    client.cert_chain_pems[0].write_to_path(files.certificate)
    client.private_key_pem.write_to_path(files.key)
    key = serialization.load_pem_private_key(client.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(SECRET.encode()),
    )
    Path(files.encrypted_key).write_bytes(encrypted)
    return files


SHOWN: list[Callable[[object], str]] = [
    repr,
    str,
    "{}".format,
    "{!r}".format,
    lambda value: str([value]),
    lambda value: str(copy.deepcopy(value)),
]


@pytest.mark.parametrize("show", SHOWN)
def test_a_secret_does_not_show_itself(show: Callable[[object], str]) -> None:
    """However a connection or a secret becomes text, the secret is not in it."""
    for value in (SASL, Secret(SECRET), SASL.sasl_password, dataclasses.asdict(SASL)):
        assert SECRET not in show(value)
    assert Secret(SECRET).reveal() == SECRET


def test_logging_a_connection_shows_no_secret(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the standard library's logging nor structlog finds a way to it."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").error("%s %r", SASL, dataclasses.asdict(SASL))
    structlog.wrap_logger(structlog.PrintLogger(), [structlog.processors.JSONRenderer(default=repr)]).error(
        "event", connection=SASL, secret=SASL.sasl_password
    )
    shown = caplog.text + capsys.readouterr().out
    assert "ledger" in shown
    assert SECRET not in shown


def test_failing_to_connect_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """With every client's log turned up, neither the log nor the error has it."""
    away = dataclasses.replace(SASL, bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")
    with caplog.at_level(logging.DEBUG), pytest.raises(BrokerUnavailable) as refused:
        asyncio.run(check_topic(away, TopicSpec("any")))
    assert SECRET not in f"{caplog.text}{refused.value!r}{refused.value}{refused.value.__cause__!r}"


def test_an_empty_secret_is_none() -> None:
    """An environment variable that is set to nothing is a password that is missing."""
    assert not Secret("")
    assert Secret("x")


def test_plaintext_needs_nothing_else() -> None:
    """The options are those that all three clients of aiokafka take."""
    assert KafkaConnection("a:1,b:2", client_id="me").client_options() == {
        "bootstrap_servers": "a:1,b:2",
        "client_id": "me",
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "security_protocol": "PLAINTEXT",
    }


def test_sasl_credentials_are_handed_over() -> None:
    """Here, and only here, the password is revealed."""
    options = SASL.client_options()
    assert (
        options["sasl_mechanism"],
        options["sasl_plain_username"],
        options["sasl_plain_password"],
    ) == ("SCRAM-SHA-256", "ledger", SECRET)
    assert "ssl_context" not in options


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("missing", ["sasl_mechanism", "sasl_username", "sasl_password", "empty"])
def test_sasl_without_credentials_is_refused(protocol: Any, missing: str) -> None:  # noqa: ANN401 - a Literal
    """SettingInvalid says which protocol asks for them; no client is built that would fail later."""
    change: dict[str, Any] = {"sasl_password": Secret("")} if missing == "empty" else {missing: None}
    with pytest.raises(SettingInvalid, match=protocol) as refused:
        dataclasses.replace(SASL, security_protocol=protocol, **change).client_options()
    assert (refused.value.field or "").startswith("sasl_")


def test_tls_checks_the_certificate_of_the_broker(tls: TlsFiles) -> None:
    """By default against the authority and the host name; the host name alone can be let off."""
    strict = KafkaConnection("a:1", security_protocol="SSL", ssl_ca_file=tls.authority)
    context = strict.client_options()["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1
    context = dataclasses.replace(strict, ssl_check_hostname=False).client_options()["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_a_client_certificate_is_loaded(tls: TlsFiles) -> None:
    """With its key in clear, or encrypted with the password that is given."""
    plain = KafkaConnection(
        "a:1",
        security_protocol="SSL",
        ssl_ca_file=tls.authority,
        ssl_certificate_file=tls.certificate,
        ssl_key_file=tls.key,
    )
    encrypted = dataclasses.replace(plain, ssl_key_file=tls.encrypted_key, ssl_key_password=Secret(SECRET))
    for connection in (plain, encrypted):
        assert isinstance(connection.client_options()["ssl_context"], ssl.SSLContext)


@pytest.mark.parametrize("password", [None, Secret(""), Secret("wrong")])
def test_an_encrypted_key_without_its_password_is_refused(tls: TlsFiles, password: Secret | None) -> None:
    """SettingInvalid at once, with the setting that is missing in the hint."""
    connection = KafkaConnection(
        "a:1",
        security_protocol="SSL",
        ssl_ca_file=tls.authority,
        ssl_certificate_file=tls.certificate,
        ssl_key_file=tls.encrypted_key,
        ssl_key_password=password,
    )
    with pytest.raises(SettingInvalid) as refused:
        connection.client_options()
    assert refused.value.field == "ssl_certificate_file"
    assert "ssl_key_password" in refused.value.hint


def test_the_terminal_is_never_asked_for_a_password(tls: TlsFiles) -> None:
    """A process that has a terminal refuses an encrypted key as at once as one that has none."""
    program = textwrap.dedent("""
        import os, sys
        from ledger_schemas import KafkaConnection
        from ledger_schemas.errors import SettingInvalid
        terminal, certificate, key = sys.argv[1:]
        os.open(terminal, os.O_RDWR)  # A session's first terminal is the one that OpenSSL asks.
        files = {"ssl_certificate_file": certificate, "ssl_key_file": key}
        try:
            KafkaConnection("a:1", security_protocol="SSL", **files).client_options()
        except SettingInvalid:
            sys.exit(SettingInvalid.exit_code)
    """)
    ours, theirs = os.openpty()
    try:
        command = [sys.executable, "-c", program, os.ttyname(theirs), tls.certificate, tls.encrypted_key]
        finished = subprocess.run(command, start_new_session=True, timeout=ASKED_SECONDS, check=False)
    finally:
        os.close(ours)
        os.close(theirs)
    assert finished.returncode == SettingInvalid.exit_code


@pytest.mark.parametrize("field", ["ssl_ca_file", "ssl_certificate_file", "ssl_key_file"])
@pytest.mark.parametrize("broken", ["missing", "no PEM"])
def test_a_tls_file_that_cannot_be_used_is_refused(tls: TlsFiles, tmp_path: Path, field: str, broken: str) -> None:
    """Missing or no PEM file: SettingInvalid, which names the setting; certificate and key count as one."""
    file = tmp_path / "file.pem"
    if broken == "no PEM":
        file.write_text("nothing", encoding="ascii")
    files = {"ssl_ca_file": tls.authority, "ssl_certificate_file": tls.certificate, "ssl_key_file": tls.key}
    connection = KafkaConnection("a:1", security_protocol="SSL", **{**files, field: str(file)})  # type: ignore[arg-type]  # All three are paths.
    with pytest.raises(SettingInvalid) as refused:
        connection.client_options()
    assert ("ssl_ca_file" if field == "ssl_ca_file" else "ssl_certificate_file") == refused.value.field
