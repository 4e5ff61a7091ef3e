"""The page keeps what other runs measured, and takes over what this one did."""

from __future__ import annotations

import json
from pathlib import Path

from bench import report
from bench.registry import LINES


def _result(line_id: str, figure: float | None, **more: object) -> dict[str, object]:
    return {
        "id": line_id, "what": "work", "figure": figure, "unit": "ratio", "target": "≥ 1×", "holds": bool(figure),
        "rounds": [{"ours": 2.0, "bare": 1.0}] if figure else [], **report.circumstances(0.5), **more,
    }  # fmt: skip


def test_a_run_of_some_lines_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    last, first = LINES[-1].id, LINES[0].id
    report.write(tmp_path, [_result(last, 1.5)])
    report.write(tmp_path, [_result(first, 3.0)])
    report.write(tmp_path, [_result(last, 2.5)])
    kept = json.loads((tmp_path / report.RESULTS).read_text())
    assert [(each["id"], each["figure"]) for each in kept] == [(first, 3.0), (last, 2.5)]
    page = (tmp_path / report.PAGE).read_text()
    assert page.index(f"| `{first}` | work | 3× | ≥ 1× | yes | 0.5 |") < page.index(f"| `{last}` | work | 2.5× |")
    assert "1.5×" not in page


def test_a_line_that_failed_says_so_in_a_folder_that_was_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "today"
    report.write(folder, [_result(LINES[0].id, None, error="it stood still")])
    assert "| failed: it stood still | ≥ 1× | **no** |" in (folder / report.PAGE).read_text()
