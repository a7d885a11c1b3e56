"""Settings: the environment, flags before it, and what the clients of Kafka are told."""

import pytest

from ledger_infra.settings import load_settings
from ledger_schemas.errors import SettingInvalid
from ledger_schemas.topic import DIRECTORY_TOPIC


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in list(load_settings.__globals__["os"].environ):
        if name.startswith("NOTIFICATION_LEDGER_"):
            monkeypatch.delenv(name)


def test_a_flag_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command is told wins over its variable; a flag that is not given does not."""
    monkeypatch.setenv("NOTIFICATION_LEDGER_API_PORT", "8081")
    assert load_settings().api_port == 8081
    assert load_settings(api_port=None).api_port == 8081
    assert load_settings(api_port=8082).api_port == 8082


def test_tls_and_sasl_reach_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The security settings are passed through to aiokafka's own options, the secret included, and shown nowhere."""
    monkeypatch.setenv("NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS", "kafka.example.com:9093")
    monkeypatch.setenv("NOTIFICATION_LEDGER_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("NOTIFICATION_LEDGER_SASL_MECHANISM", "SCRAM-SHA-512")
    monkeypatch.setenv("NOTIFICATION_LEDGER_SASL_USERNAME", "ledger")
    monkeypatch.setenv("NOTIFICATION_LEDGER_SASL_PASSWORD", "hunter2")
    settings = load_settings()
    options = settings.connection().client_options()
    assert options["bootstrap_servers"] == "kafka.example.com:9093"
    assert options["security_protocol"] == "SASL_PLAINTEXT"
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("ledger", "hunter2")
    assert "hunter2" not in repr(settings) + repr(settings.connection()) + settings.model_dump_json()


def test_tls_builds_a_context_that_checks_names() -> None:
    """SSL gives a context that verifies the broker's certificate and its host name."""
    context = (
        load_settings(security_protocol="SSL").connection("kafka.example.com:9093").client_options()["ssl_context"]
    )
    assert context.check_hostname


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_every_form_of_loopback_is_known(host: str) -> None:
    """Such an address needs no key: no other machine reaches it."""
    assert load_settings(api_host=host).api_is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "ledger.example.com"])  # noqa: S104 - told apart
def test_every_other_address_is_not_loopback(host: str) -> None:
    """Whoever reaches it is asked for a key; a name is not looked up, since it may lead elsewhere tomorrow."""
    assert not load_settings(api_host=host).api_is_loopback


def test_the_directory_has_a_topic_of_its_own() -> None:
    """It shares none with events, schemas or dead letters; it is made with the same replication, in one partition."""
    for shared in ({"topic": "one"}, {"schemas_topic": "one"}, {"dead_letter_topic": "one"}):
        with pytest.raises(SettingInvalid, match="must be another topic"):
            load_settings(directory_topic="one", **shared)
    spec = load_settings(directory_topic="d", replication_factor=3, min_insync_replicas=2).directory_topic_spec()
    assert (spec.name, spec.partitions, spec.replication_factor, spec.min_insync_replicas) == ("d", 1, 3, 2)


def test_more_replicas_in_sync_than_there_are_is_refused() -> None:
    """Such a topic could take no event at all."""
    with pytest.raises(SettingInvalid, match="min_insync_replicas"):
        load_settings(min_insync_replicas=2)


@pytest.mark.parametrize(
    "servers", ["kafka:9092", "127.0.0.1:1", "a_1.example.com:65535,b-2:9093", "[::1]:9092,[2001:db8::7]:9093"]
)
def test_addresses_of_kafka_are_taken_as_they_are(servers: str) -> None:
    """Names, IPv4 and bracketed IPv6 addresses, one or several, each with a port."""
    assert load_settings(bootstrap_servers=servers).connection().bootstrap_servers == servers


@pytest.mark.parametrize(
    "servers",
    [
        "nonsense",
        "host:port",
        "host:",
        ":9092",
        "host:0",
        "host:65536",
        "host:٩",
        "a:1, b:2",
        " a:1",
        "a:1,",
        ",",
        " ",
        "::1:9092",
        "[host]:9092",
        "[::1]",
        "[1:2]:9092",
        "PLAINTEXT://host:9092",
        "a:1\n",
    ],
)
def test_what_is_no_address_of_kafka_is_refused(servers: str) -> None:
    """A client would wait for it until it gives up; the error names the form and does not repeat the value."""
    with pytest.raises(SettingInvalid, match=r"bootstrap_servers: must be `host:port`.*from 1 to 65535"):
        load_settings(bootstrap_servers=servers)


def test_an_empty_address_of_kafka_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable, as compose files pass it, means the native broker, to everyone who asks."""
    monkeypatch.setenv("NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS", "")
    settings = load_settings(broker_port=9191)
    assert settings.bootstrap_servers is None
    assert settings.connection().bootstrap_servers == "127.0.0.1:9191"


def test_a_registry_is_reached_as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, user, password and authorities go to the client; the password is shown nowhere."""
    for name, value in (("URL", "https://registry.example.com:8081/base"), ("USERNAME", "ledger"), ("CA_FILE", "ca")):
        monkeypatch.setenv(f"NOTIFICATION_LEDGER_SCHEMA_REGISTRY_{name}", value)
    monkeypatch.setenv("NOTIFICATION_LEDGER_SCHEMA_REGISTRY_PASSWORD", "hunter2")
    settings = load_settings()
    registry = settings.registry_connection()
    assert registry is not None
    assert (
        registry.url,
        registry.username,
        registry.ca_file,
    ) == ("https://registry.example.com:8081/base", "ledger", "ca")
    assert registry.password is not None
    assert registry.password.reveal() == "hunter2"
    assert "hunter2" not in repr(settings) + repr(registry) + settings.model_dump_json()


def test_no_registry_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable, as a shell script leaves it, is none either."""
    assert load_settings().registry_connection() is None
    monkeypatch.setenv("NOTIFICATION_LEDGER_SCHEMA_REGISTRY_URL", "")
    assert load_settings().registry_connection() is None


@pytest.mark.parametrize(
    "url",
    [
        "registry:8081",
        "ftp://registry",
        "http://",
        "http://user:hunter2@registry",
        "http://a,http://b",
        "http://a/?x=y",
    ],
)
def test_what_is_no_address_of_a_registry_is_refused(url: str) -> None:
    """A user in the URL included: it would be shown wherever the setting is."""
    with pytest.raises(SettingInvalid, match="schema_registry_url") as refused:
        load_settings(schema_registry_url=url)
    assert "hunter2" not in str(refused.value)


def test_the_two_topics_are_two() -> None:
    """Events and their schemas do not share one; both are made with the same replication."""
    with pytest.raises(SettingInvalid, match="another topic"):
        load_settings(topic="one", schemas_topic="one")
    settings = load_settings(schemas_topic="schemas", replication_factor=3, min_insync_replicas=2)
    spec = settings.schemas_topic_spec()
    assert (spec.name, spec.partitions, spec.replication_factor, spec.min_insync_replicas) == ("schemas", 1, 3, 2)


def test_a_dead_letter_topic_is_made_like_the_others_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """None by default, and an empty variable is none; it is a third topic, of one partition."""
    monkeypatch.setenv("NOTIFICATION_LEDGER_DEAD_LETTER_TOPIC", "")
    assert [spec.name for spec in load_settings(topic="one", schemas_topic="two").topic_specs()] == [
        "one",
        "two",
        DIRECTORY_TOPIC,
    ]
    with pytest.raises(SettingInvalid, match="dead_letter_topic must be another topic"):
        load_settings(topic="one", dead_letter_topic="one")
    monkeypatch.setenv("NOTIFICATION_LEDGER_DEAD_LETTER_TOPIC", "dead")
    *_, dead = load_settings(replication_factor=3, min_insync_replicas=2).topic_specs()
    assert (dead.name, dead.partitions, dead.replication_factor, dead.min_insync_replicas) == ("dead", 1, 3, 2)
