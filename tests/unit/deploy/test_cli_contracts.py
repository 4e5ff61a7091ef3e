"""`recourse contracts`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.commands import contracts
from deploy.cli.event_lines import parse_event
from deploy.cli.main import build_app
from deploy.local.errors import StackError
from shared.contracts import registry
from shared.contracts.schema_files import SCHEMAS
from shared.messaging import Publication


def run(*arguments: str) -> str:
    result = CliRunner().invoke(build_app(), ["contracts", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_all_types_are_listed_with_their_topics() -> None:
    listed = [line.split()[:2] for line in run().splitlines()]
    assert sorted(listed) == sorted([contract.type, contract.topic] for contract in registry().values())


@pytest.mark.parametrize("event_type", sorted(registry()))
def test_a_schema_is_printed_as_it_is_on_file(event_type: str) -> None:
    assert run(event_type) == (SCHEMAS / f"{event_type}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("event_type", sorted(registry()))
def test_an_example_is_a_line_that_publish_takes(event_type: str) -> None:
    (line,) = run(event_type, "--example").splitlines()
    assert isinstance(parse_event(line.encode()), Publication)


def test_an_unknown_type_is_one_sentence() -> None:
    with pytest.raises(StackError, match=r"no event type 'x\.v1'"):
        run("x.v1")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Golden files of their own, to write to."""
    for path in SCHEMAS.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(contracts, "SCHEMAS", tmp_path)
    monkeypatch.setattr(contracts, "ASYNCAPI", tmp_path / "docs" / "asyncapi.json")
    (tmp_path / "docs").mkdir()
    return tmp_path


def test_write_brings_the_files_up_to_date(files: Path) -> None:
    changed = files / "recourse.points.awarded.v1.json"
    promised = json.loads(changed.read_text(encoding="utf-8"))
    del promised["description"]
    changed.write_text(json.dumps(promised), encoding="utf-8")
    (files / "recourse.tickets.paid.v1.json").unlink()
    run("--write")
    for path in SCHEMAS.glob("*.json"):
        assert (files / path.name).read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
    assert json.loads((files / "docs" / "asyncapi.json").read_text(encoding="utf-8"))["asyncapi"] == "3.0.0"


def test_write_refuses_what_breaks_others_unless_told(files: Path) -> None:
    changed = files / "recourse.points.awarded.v1.json"
    promised = json.loads(changed.read_text(encoding="utf-8"))
    promised["properties"]["bonus"] = {"type": "integer"}
    changed.write_text(json.dumps(promised), encoding="utf-8")
    with pytest.raises(StackError, match=r"event\.bonus: the field is gone: breaks older readers"):
        run("--write")
    assert "bonus" in changed.read_text(encoding="utf-8")
    run("--write", "--allow-breaking")
    assert "bonus" not in changed.read_text(encoding="utf-8")
