"""The set-up script: what it makes of a folder in any state, without a network."""

import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "bootstrap.py"
TWO = ["--numprocesses=2", "--dist=worksteal"]
PIP = "Lib/site-packages/pip" if os.name == "nt" else "bin/pip"


@pytest.fixture
def commands() -> list[list[str]]:
    """Give the list of the commands that the script runs."""
    return []


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]) -> ModuleType:
    """Give the script, with real environments but for their pip, and with commands that are only noted."""
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    make = venv.create

    def create(folder: Path, *, with_pip: bool, clear: bool = False, symlinks: bool = False) -> None:
        assert with_pip
        make(folder, clear=clear, symlinks=symlinks)
        (folder / PIP).parent.mkdir(parents=True, exist_ok=True)
        (folder / PIP).touch()

    def run(command: list[str | Path]) -> int:
        commands.append([str(part) for part in command])
        return 0

    monkeypatch.setattr(venv, "create", create)
    monkeypatch.setattr(module, "run", run)
    return module


def test_a_set_up_that_was_cut_short_begins_anew(script: ModuleType, tmp_path: Path, commands: list[list[str]]) -> None:
    """An environment with a Python, without pip and without a stamp is made again, and then installed into."""
    venv.EnvBuilder(symlinks=os.name != "nt").create(tmp_path / "env")
    (tmp_path / "env" / "left behind").touch()
    script.set_up(tmp_path / "env", with_tests=False)
    assert (tmp_path / "env" / PIP).exists()
    assert not (tmp_path / "env" / "left behind").exists()
    assert [command[1:3] for command in commands] == [["-m", "pip"], ["-m", "pip"]]


def test_newer_requirements_reuse_what_is_installed(
    script: ModuleType, tmp_path: Path, commands: list[list[str]]
) -> None:
    """A stamp of other requirements means that pip works: it brings the difference, and the rest stays."""
    script.set_up(tmp_path / "env", with_tests=False)
    (tmp_path / "env" / "kept").touch()
    (tmp_path / "env" / "installed").write_text("0123", encoding="utf-8")
    commands.clear()
    script.set_up(tmp_path / "env", with_tests=False)
    assert (tmp_path / "env" / "kept").exists()
    assert len(commands) == 2
    script.set_up(tmp_path / "env", with_tests=False)
    assert len(commands) == 2


def test_a_python_that_went_away_is_replaced(script: ModuleType, tmp_path: Path) -> None:
    """A stamp does not help an environment whose Python was taken from the machine."""
    bin_folder = script.set_up(tmp_path / "env", with_tests=False)
    for python in bin_folder.glob("python*"):
        python.unlink()
    assert script.set_up(tmp_path / "env", with_tests=False) == bin_folder
    assert list(bin_folder.glob("python*"))


def test_a_folder_that_is_no_environment_is_left_alone(
    script: ModuleType, tmp_path: Path, commands: list[list[str]]
) -> None:
    """Files of somebody are never cleared: the script ends, names the folder, and touches nothing."""
    (tmp_path / "mine").write_text("work", encoding="utf-8")
    with pytest.raises(SystemExit, match="holds files and is no virtual environment"):
        script.set_up(tmp_path, with_tests=False)
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [("mine", "work")]
    assert commands == []


def test_an_empty_folder_is_taken(script: ModuleType, tmp_path: Path) -> None:
    """A folder that was made beforehand is no obstacle."""
    script.set_up(tmp_path, with_tests=True)
    assert (tmp_path / PIP).exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_its_python_is_a_link(script: ModuleType, tmp_path: Path) -> None:
    """Where links are free the Python is not copied: some copies lack what lies beside the original."""
    assert (script.set_up(tmp_path / "env", with_tests=False) / "python").is_symlink()


@pytest.mark.parametrize(("platform", "advised"), [("linux", 1), ("darwin", 0), ("win32", 0)])
def test_debian_is_advised_on_linux_only(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, advised: int
) -> None:
    """Without the parts of venv the script says so, and names the package of Debian where there may be one."""

    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "ensurepip")

    with monkeypatch.context() as patched:
        patched.setattr(venv, "create", fail)
        patched.setattr(sys, "platform", platform)
        with pytest.raises(SystemExit, match="No virtual environment could be made") as ended:
            script.set_up(tmp_path / "env", with_tests=False)
    assert advised == str(ended.value).count("apt install")


@pytest.mark.parametrize(("cores", "options"), [(1, []), (None, []), (2, TWO), (16, TWO)])
def test_all_tests_run_in_two_processes_where_there_are_two_cores(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    commands: list[list[str]],
    cores: int | None,
    options: list[str],
) -> None:
    """The tests come last, behind lint, form, types and layers; on one core they run in one process."""
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert script.run_tests(Path("bin"), []) == 0
    assert [command[0] for command in commands[:-1]] == [
        f"bin/{tool}" for tool in ("ruff", "ruff", "mypy", "lint-imports")
    ]
    assert commands[-1] == ["bin/python", "-m", "pytest", *options]


def test_arguments_are_handed_to_pytest_and_nothing_else_is_run(script: ModuleType, commands: list[list[str]]) -> None:
    """As they are, so that `-n 0`, `-p no:xdist` and `--pdb` mean what pytest makes of them."""
    assert script.run_tests(Path("bin"), ["-k", "fold", "-p", "no:xdist"]) == 0
    assert commands == [["bin/python", "-m", "pytest", "-k", "fold", "-p", "no:xdist"]]
