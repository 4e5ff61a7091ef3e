"""docs/metrics.md says what the code counts and measures: every metric and its labels."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.support.containers import ROOT

KINDS = {"counter", "gauge", "histogram"}


def _declared() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and labels of each metric that a module makes."""
    for folder in ("shared", "services"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                    name, _, *labels = map(ast.literal_eval, node.args)
                    yield name, labels[0] if labels else ()


def test_every_metric_is_documented_with_its_labels() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(recourse_\w+)` \| (.+?) \|", text, flags=re.MULTILINE)
    assert {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == dict(_declared())
