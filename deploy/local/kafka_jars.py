"""Apache Kafka's own jars (`kafka.lock`): fetched once into a cache and verified before every use.

`python -m deploy.local.kafka_jars lock` resolves anew and rewrites the lock; `fetch` fills the cache.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests
from jgo.maven import MavenContext

from deploy.local.errors import StackError

KAFKA_VERSION = "4.3.0"
# Resolved one by one: together, the logging library's own version table would downgrade Kafka's client.
ROOTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)
LOCK_FILE = Path(__file__).with_name("kafka.lock")
_DOWNLOADS_AT_ONCE = 6
_HEADER = "# group:artifact:version sha256; written by `make lock`\n"


@dataclass(frozen=True)
class LockedJar:
    """One jar of the lock: Maven coordinate `group:artifact:version` and the SHA-256 of its bytes."""

    coordinate: str
    sha256: str


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder for downloads that all stacks of a user share (RECOURSE_CACHE_DIR overrides)."""
    if override := environ.get("RECOURSE_CACHE_DIR", "").strip():
        return Path(override).expanduser().resolve()
    base = environ.get("XDG_CACHE_HOME", "").strip() or "~/.cache"
    return Path(base).expanduser() / "recourse"


def parse_lock(text: str) -> list[LockedJar]:
    """Read the lock; raises `StackError` naming a line that is not `group:artifact:version sha256`."""
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        coordinate, _, digest = line.partition(" ")
        if coordinate.count(":") != 2 or len(digest) != 64:
            raise StackError(f"Line {number} of {LOCK_FILE.name} is damaged: restore the file with git.")
        jars.append(LockedJar(coordinate, digest))
    return jars


def ensure_jars(advance: Callable[[int, int], None] = lambda _done, _total: None) -> list[Path]:
    """Verified local paths of all locked jars, downloading what is missing; `advance(done, total)` reports.

    Raises `StackError` when the network is needed and missing, or when a download does not match the lock.
    """
    jars = parse_lock(LOCK_FILE.read_text())
    context = MavenContext(repo_cache=cache_dir() / "maven", timeout=60)
    logging.getLogger("jgo").setLevel(logging.ERROR)
    paths: list[Path] = []
    with _exclusive(cache_dir()), ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        for path in pool.map(lambda jar: _ensure_jar(context, jar), jars):
            paths.append(path)
            advance(len(paths), len(jars))
    return paths


def _ensure_jar(context: MavenContext, jar: LockedJar) -> Path:
    artifact = context.create_dependency(jar.coordinate).artifact
    cached = context.repo_cache / artifact.component.path_prefix / artifact.filename
    if cached.exists() and _sha256(cached) == jar.sha256:
        return cached
    cached.unlink(missing_ok=True)
    try:
        artifact.resolve()
    except (requests.RequestException, RuntimeError, OSError) as error:
        cached.unlink(missing_ok=True)
        raise StackError(
            "Apache Kafka's files could not be downloaded, which the first set-up needs: "
            "check the network connection and run the command again "
            f"({jar.coordinate}: {type(error).__name__})."
        ) from error
    if _sha256(cached) != jar.sha256:
        cached.unlink()
        raise StackError(
            f"The download of {jar.coordinate} does not match {LOCK_FILE.name} and was thrown away: "
            "try again, and do not trust this network if it happens twice."
        )
    return cached


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Keep two stacks from writing the same file of the cache at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_lock() -> None:
    """Resolve `ROOTS` and rewrite `kafka.lock`; the first root's versions win."""
    context = MavenContext(repo_cache=cache_dir() / "maven", timeout=60)
    chosen: dict[str, LockedJar] = {}
    for root in ROOTS:
        inputs, transitive = context.resolver.resolve([context.create_dependency(root)])
        for dependency in [*inputs, *transitive]:
            name = f"{dependency.groupId}:{dependency.artifactId}"
            if name not in chosen:
                digest = _sha256(Path(dependency.artifact.resolve()))
                chosen[name] = LockedJar(f"{name}:{dependency.version}", digest)
    lines = sorted(f"{jar.coordinate} {jar.sha256}\n" for jar in chosen.values())
    LOCK_FILE.write_text(_HEADER + "".join(lines))


def main(arguments: list[str]) -> None:
    """`lock` or `fetch`."""
    if arguments == ["lock"]:
        write_lock()
    elif arguments == ["fetch"]:
        ensure_jars(_show)
    else:
        sys.exit("usage: python -m deploy.local.kafka_jars lock|fetch")


def _show(done: int, total: int) -> None:
    sys.stderr.write(f"\rFetching Apache Kafka: {done} of {total} files" + ("\n" if done == total else ""))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except StackError as failure:
        sys.exit(f"\n{failure}")
