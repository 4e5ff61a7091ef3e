"""The documents name files, commands and targets that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from deploy.cli.main import build_app
from tests.support.containers import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "requirements" / "README.md"])
# What is made on the machine need not be there.
TOP = {path.name for path in ROOT.iterdir()} - {".recourse", ".venv"}
BLOCK = re.compile(r"^```(?:sh|mermaid|sql)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _commands(text: str) -> list[str]:
    """Lines of shell blocks and what stands in backticks."""
    return [*"".join(BLOCK.findall(text)).splitlines(), *re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        linked = document.parent / name if name else document
        assert linked.exists(), target
        if anchor:
            assert anchor in _anchors(linked), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_files_that_are_named_exist(document: Path) -> None:
    for text in re.findall(r"`([\w./-]+/[\w./*-]+)`", document.read_text()):
        if text.partition("/")[0] in TOP and "*" not in text:
            assert (ROOT / text).exists(), text


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_make_targets_that_are_named_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for command in _commands(document.read_text()):
        for target in re.findall(r"\bmake ([a-z-]+)", command):
            assert target in targets, command


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_commands_that_are_named_exist(document: Path) -> None:
    root = typer.main.get_command(build_app())
    for command in _commands(document.read_text()):
        for words in re.findall(r"(?:^|[ /(])recourse ((?:[a-z][a-z-]*(?: |$|\)))+)", command):
            _walk(root, words.replace(")", " ").split())


def _walk(command: object, words: list[str]) -> None:
    """Follow the words through groups of commands; the rest are arguments."""
    for word in words:
        known = getattr(command, "commands", None)
        if known is None:
            return
        assert word in known, " ".join(words)
        command = known[word]


def _anchors(document: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
