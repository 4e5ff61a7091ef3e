"""The state diagrams of the documents show the ways that the tables of the code allow, and no other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from services.tickets.autoplay import domain as autoplay
from services.tickets.lifecycle import table as lifecycle
from tests.support.containers import ROOT


def _drawn(document: str) -> set[tuple[str, str]]:
    text = (ROOT / "docs" / document).read_text()
    [diagram] = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", text, flags=re.DOTALL)
    return set(re.findall(r"^ +(\w+) --> (\w+)", diagram, flags=re.MULTILINE))


def _allowed(table: Mapping[Any, Mapping[Any, Any]]) -> set[tuple[str, str]]:
    """From where to where, as the diagrams name states: limbo is one, whatever sent a ticket there."""
    ways = {
        (re.sub("^limbo_.*", "limbo", before), re.sub("^limbo_.*", "limbo", after))
        for before, row in table.items()
        for after in row.values()
        if isinstance(after, type(before))
    }
    return {(before, after) for before, after in ways if before != after}


def test_the_way_of_a_ticket() -> None:
    assert _drawn("architecture.md") == _allowed(lifecycle.TRANSITIONS)


def test_the_way_of_an_autoplay() -> None:
    assert _drawn("autoplay.md") == _allowed(autoplay.TRANSITIONS)
