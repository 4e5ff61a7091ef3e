"""The Dockerfile: linted, and every target holds all that its program imports and nothing else of ours."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from deploy.local.config import SERVICES
from tests.support.containers import DOCKERFILE, ROOT, assemble, instructions, stages

# What each image runs: the module, and how it ends when nothing is set.
PROGRAMS = {
    **{service: (f"services.{service}", "RECOURSE_DATABASE_URL is not set") for service in SERVICES},
    "jobs": ("shared.messaging.admin", "RECOURSE_KAFKA_BOOTSTRAP_SERVERS is not set"),
    "mail": ("deploy.local.mailserver", "RECOURSE_KAFKA_BOOTSTRAP_SERVERS is not set"),
}
LOCKS = {**dict.fromkeys([*SERVICES, "jobs"], "services.txt"), "mail": "mail.txt"}


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    result = subprocess.run([str(hadolint), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the tree of an image, which stands before the work tree that an installation makes importable."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd="/",
        env={"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("target", PROGRAMS)
def test_an_image_holds_all_that_its_program_needs_to_start(target: str, tmp_path: Path) -> None:
    module, complaint = PROGRAMS[target]
    assemble(target, tmp_path)
    ended = _run(tmp_path, "-m", module)
    assert ended.returncode != 0
    assert complaint in ended.stderr


@pytest.mark.parametrize("target", PROGRAMS)
def test_an_image_holds_its_other_programs(target: str, tmp_path: Path) -> None:
    assemble(target, tmp_path)
    assert _run(tmp_path, "-m", "shared.probe").returncode == 2
    if target == "jobs":
        assert _run(tmp_path, "-m", "deploy.compose.tokens", "--help").returncode == 0


@pytest.mark.parametrize("target", PROGRAMS)
def test_an_image_has_the_packages_that_its_code_imports(target: str, tmp_path: Path) -> None:
    assemble(target, tmp_path)
    installed = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / LOCKS[target]).read_text(), re.MULTILINE))
    owners = packages_distributions()
    for module in _imported(tmp_path) - {"services", "shared", "deploy"} - set(sys.stdlib_module_names):
        distributions = {_normal(name) for name in owners[module]}
        assert distributions & installed, f"{module} is not in requirements/{LOCKS[target]}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_image_has_no_other_service(service: str, tmp_path: Path) -> None:
    assemble(service, tmp_path)
    assert [path.name for path in (tmp_path / "services").iterdir() if path.is_dir()] == [service]
    assert not (tmp_path / "deploy").exists()


@pytest.mark.parametrize("target", PROGRAMS)
def test_an_image_runs_as_an_ordinary_user(target: str) -> None:
    users = [rest for word, rest in instructions(target) if word == "USER"]
    assert users == ["10001:10001"]


@pytest.mark.parametrize("target", [*SERVICES, "mail"])
def test_an_image_checks_its_health_with_its_own_python(target: str) -> None:
    checks = [rest for word, rest in instructions(target) if word == "HEALTHCHECK"]
    assert len(checks) == 1
    assert 'CMD ["python", "-m", "shared.probe"' in checks[0]


def test_the_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ("ARG", f"VERSION={project['version']}") in stages()["runtime"].instructions


def test_no_image_carries_a_secret() -> None:
    words = [rest for stage in stages().values() for word, rest in stage.instructions if word in {"ENV", "ARG"}]
    assert not [text for text in words if re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL", text)]


def _imported(folder: Path) -> set[str]:
    """The top-level modules that the code in a folder imports, absolute imports only."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                found.add(node.module.partition(".")[0])
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
