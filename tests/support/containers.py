"""docker-compose.yml and the Dockerfile as data, for tests that have no Docker engine."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<operator>:-|:\?)(?P<operand>[^}]*)\}")


class MissingVariableError(Exception):
    """A variable that docker-compose.yml requires has no value."""


def load_compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """The parsed file, references resolved.

    Raises:
        MissingVariableError: a required variable is not in `environment`, or empty.
    """
    loaded: dict[str, Any] = _interpolate(yaml.safe_load(COMPOSE_FILE.read_text()), environment)
    return loaded


def _interpolate(value: Any, environment: Mapping[str, str]) -> Any:
    """What Compose does with the two forms of reference that the file uses, in values that are parsed already."""
    if isinstance(value, dict):
        return {name: _interpolate(item, environment) for name, item in value.items()}
    if isinstance(value, list):
        return [_interpolate(item, environment) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _resolve(match, environment), value)
    return value


def _resolve(match: re.Match[str], environment: Mapping[str, str]) -> str:
    given = environment.get(match["name"], "")
    if not given and match["operator"] == ":?":
        raise MissingVariableError(f"{match['name']}: {match['operand']}")
    return given or match["operand"]


def references() -> dict[str, bool]:
    """The variables that the file refers to, and whether they are required."""
    return {match["name"]: match["operator"] == ":?" for match in _VARIABLE.finditer(COMPOSE_FILE.read_text())}


@dataclass(frozen=True)
class Stage:
    """One stage of the Dockerfile: its base and its instructions, in order."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)


def stages() -> dict[str, Stage]:
    """The stages by name."""
    found: dict[str, Stage] = {}
    lines = re.sub(r"\\\n\s*", " ", DOCKERFILE.read_text()).splitlines()
    current: Stage | None = None
    for line in lines:
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            current = found[name] = Stage(base)
        elif current is not None:
            current.instructions.append((word, rest.strip()))
    return found


def instructions(target: str) -> list[tuple[str, str]]:
    """All instructions that make the image of a target, those of its bases first."""
    known = stages()
    stage = known[target]
    return [*(instructions(stage.base) if stage.base in known else []), *stage.instructions]


def image_environment(target: str) -> dict[str, str]:
    """The variables that the image sets."""
    pairs = [pair for word, rest in instructions(target) if word == "ENV" for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def assemble(target: str, folder: Path) -> None:
    """Copy into `folder` what the image of `target` has below /app."""
    for word, rest in instructions(target):
        if word != "COPY" or rest.startswith("--from"):
            continue
        source, destination = rest.split()
        if destination.startswith("/"):
            continue
        origin, goal = ROOT / source, folder / destination
        if origin.is_dir():
            shutil.copytree(origin, goal, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            goal.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, goal)
