"""Compose file, Dockerfile and scripts name the same Kafka, the same settings, and files that exist."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from ledger_infra.broker.artifacts import KAFKA_VERSION
from ledger_infra.settings import Settings

TOP = Path(__file__).parents[3]
COMPOSE = TOP / "infra" / "compose.yaml"
DOCKERFILE = TOP / "infra" / "docker" / "Dockerfile"


def test_compose_runs_the_kafka_that_we_test_with() -> None:
    """The image's tag is the version of the pinned jars."""
    assert f"image: apache/kafka:{KAFKA_VERSION}\n" in COMPOSE.read_text(encoding="utf-8")


def test_compose_publishes_on_loopback_alone() -> None:
    """Every published port names the host's loopback."""
    published = re.findall(r'- "([\d.:]+:\d+)"', COMPOSE.read_text(encoding="utf-8"))
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_does_not_restart_the_ledger() -> None:
    """The ledger takes a restart for the word of a person who has seen why it stopped; Kafka is restarted."""
    services = re.split(r"^  (?=\w+:$)", COMPOSE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    policies = {
        service.partition(":")[0]: re.findall(r"^    restart: (.+)$", service, re.MULTILINE)
        for service in services
        if "    restart:" in service
    }
    assert policies == {"kafka": ["unless-stopped"], "ledger": ['"no"']}


@pytest.mark.parametrize("file", [COMPOSE, DOCKERFILE])
def test_settings_have_names_that_exist(file: Path) -> None:
    """A misspelt variable would be passed over in silence."""
    names = {name.lower() for name in re.findall(r"NOTIFICATION_LEDGER_([A-Z_]+)", file.read_text(encoding="utf-8"))}
    assert names
    assert names <= set(Settings.model_fields)


def test_the_image_gets_every_package_of_the_project() -> None:
    """What the Dockerfile copies exists and covers what the wheel is built from."""
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert all((TOP / source).exists() for source in sources)
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.partition("/")[0] for package in packages} <= sources
    assert {project["project"]["readme"], *project["project"]["license-files"]} <= sources


def test_the_image_has_the_allocator_that_it_preloads() -> None:
    """A name without its package would only be a warning on standard error, and slower batches."""
    told = DOCKERFILE.read_text(encoding="utf-8")
    (preloaded,) = re.findall(r"^ENV LD_PRELOAD=lib(\w+)\.so\.(\d+)$", told, re.MULTILINE)
    assert f" lib{''.join(preloaded)} " in told.replace("\\", " ")


@pytest.mark.parametrize("script", sorted((TOP / "infra" / "docker").glob("*.sh")))
def test_shell_scripts_parse(script: Path) -> None:
    """They are executable, and bash finds no fault in their form."""
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)


def compose_command() -> list[str] | None:
    """Return how Compose is called here; it needs no engine to check a file."""
    plugin = ["docker", "compose"]
    if shutil.which("docker") and not subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode:
        return plugin
    return ["docker-compose"] if shutil.which("docker-compose") else None


@pytest.mark.skipif(compose_command() is None, reason="Compose is not installed (Debian: docker-compose)")
def test_compose_accepts_the_file() -> None:
    """Compose itself reads the file."""
    text = COMPOSE.read_text(encoding="utf-8")
    command = compose_command()
    assert command is not None
    if command == ["docker-compose"]:  # Compose 1 takes the project's name from a flag alone.
        text = text.replace("name: notification-ledger\n", "")
    told = [*command, "--project-directory", str(COMPOSE.parent), "-f", "-", "config", "--quiet"]
    subprocess.run(told, input=text, text=True, check=True)
