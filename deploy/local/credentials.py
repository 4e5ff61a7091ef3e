"""The random secrets of one stack: made once, kept in its state folder, readable by its owner only."""

from __future__ import annotations

import json
import secrets
import threading
from pathlib import Path


class Credentials:
    """Passwords by name; an unknown name gets a new random one."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "secrets.json"
        self._lock = threading.Lock()

    def password(self, name: str) -> str:
        """The password of `name`, 43 URL-safe characters."""
        with self._lock:
            known = json.loads(self._path.read_text()) if self._path.exists() else {}
            if name not in known:
                known[name] = secrets.token_urlsafe(32)
                write_private(self._path, json.dumps(known, indent=2))
            return str(known[name])


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_text(content)
    temporary.replace(path)
