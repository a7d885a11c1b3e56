"""The typed methods of the emitter are what the models of the events make of them."""

from __future__ import annotations

import pytest

from tests import emitter_methods


def test_the_methods_are_those_of_the_models(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--check` finds nothing to write."""
    monkeypatch.setattr("sys.argv", ["emitter_methods", "--check"])
    assert (emitter_methods.main(), capsys.readouterr().err) == (0, "")


def test_a_file_that_is_not_current_is_named(
    tmp_path: object, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against an empty folder `--check` writes nothing and exits with 1; without it both files are written."""
    monkeypatch.setattr(emitter_methods, "FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["emitter_methods", "--check"])
    assert emitter_methods.main() == 1
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == ["fields.py", "statements.py"]
    monkeypatch.setattr("sys.argv", ["emitter_methods"])
    assert emitter_methods.main() == 0
    monkeypatch.setattr("sys.argv", ["emitter_methods", "--check"])
    assert emitter_methods.main() == 0
