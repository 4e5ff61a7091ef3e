"""Each row of the requirements has a test that bears its id: `@pytest.mark.requirement("A7")`."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.requirements.rows import ROWS

_TESTS = Path(__file__).resolve().parents[1]


def _marked(node: ast.AST) -> Iterator[str]:
    """The rows in the marks of a test, or in the `pytestmark` of a module."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.requirement":
            yield from (ast.literal_eval(argument) for argument in call.args)


def _marks(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        name = f"{path.relative_to(_TESTS.parent)}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            decorators = ast.Module(body=[ast.Expr(each) for each in node.decorator_list], type_ignores=[])
            yield from ((row, f"{name}::{node.name}") for row in _marked(decorators))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield from ((row, name) for row in _marked(node))


@cache
def _by_row() -> dict[str, list[str]]:
    """The tests that prove each row."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(_TESTS.rglob("test_*.py")):
        for row, test in _marks(path):
            found[row].append(test)
    return found


@pytest.mark.parametrize("row", ROWS)
def test_the_row_has_a_test(row: str) -> None:
    assert _by_row()[row], f"no test bears {row}: {ROWS[row]}"


def test_no_test_bears_a_row_that_does_not_exist() -> None:
    strangers = {row for row in _by_row() if row[0] in "AT" and row not in ROWS}
    assert not strangers
