"""PostgreSQL refuses to run as root: choose an unprivileged account and files that this account can reach."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.local.errors import StackError
from deploy.local.process import Owner

_ACCOUNTS = ("postgres", "nobody")


def choose_owner(environ: Mapping[str, str] = os.environ) -> Owner | None:
    """The account to run PostgreSQL as, or None when the current one will do.

    Root takes the account that called `sudo`, else `postgres`, else `nobody`.
    """
    if os.geteuid() != 0:
        return None
    sudo_uid = environ.get("SUDO_UID", "")
    if sudo_uid.isdecimal() and int(sudo_uid) > 0:
        return _owner(pwd.getpwuid(int(sudo_uid)))
    for name in _ACCOUNTS:
        try:
            return _owner(pwd.getpwnam(name))
        except KeyError:
            continue
    raise StackError("PostgreSQL must not run as root and no other account exists: run the command as another user.")


def can_run(program: Path, owner: Owner | None) -> bool:
    """Whether `owner` can execute `program`, wherever it lies."""
    return _try([str(program), "--version"], owner)


def can_enter(folder: Path, owner: Owner | None) -> bool:
    """Whether `owner` can reach `folder` through all its parents."""
    return _try(["/bin/sh", "-c", 'cd "$0"', str(folder)], owner)


def reachable_dir(state_dir: Path, owner: Owner | None) -> Path:
    """A folder for data and programs that `owner` can reach, inside `state_dir` when possible.

    A state folder under a private parent (such as root's home) gets a place outside, which it records so that it
    is found again and removed with it.
    """
    record = state_dir / "postgres.location"
    if record.exists():
        return Path(record.read_text().strip())
    inside = state_dir / "postgres"
    inside.mkdir(parents=True, exist_ok=True)
    if can_enter(inside, owner):
        return inside
    inside.rmdir()
    base = "/var/tmp" if os.access("/var/tmp", os.W_OK) else None  # noqa: S108 - mkdtemp makes a private name
    outside = Path(tempfile.mkdtemp(prefix="recourse-", dir=base))
    outside.chmod(0o711)
    record.write_text(f"{outside}\n")
    return outside


def open_to_all(folder: Path) -> None:
    """Let every account read what is below the folder and run its programs, whatever root's umask left of that."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & stat.S_IXUSR else 0))


def forget_dir(state_dir: Path) -> None:
    """Remove what `reachable_dir` made outside the state folder."""
    record = state_dir / "postgres.location"
    if record.exists():
        shutil.rmtree(record.read_text().strip(), ignore_errors=True)
        record.unlink()


def _owner(entry: pwd.struct_passwd) -> Owner:
    return Owner(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _try(argv: list[str], owner: Owner | None) -> bool:
    try:
        subprocess.run(argv, capture_output=True, check=True, timeout=20, **as_owner(owner))
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def as_owner(owner: Owner | None) -> dict[str, Any]:
    """Arguments of `subprocess` that run a program as `owner`."""
    if owner is None:
        return {}
    return {"user": owner.uid, "group": owner.gid, "extra_groups": [], "cwd": "/"}
