"""Which TCP ports a stack uses: the documented defaults, or free ones picked for a test."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

from deploy.local.errors import StackError

HOST = "127.0.0.1"

DEFAULT_PORTS: Mapping[str, int] = {
    "accounts": 8101,
    "tickets": 8102,
    "notifications": 8103,
    "loyalty": 8104,
    "kafka": 9192,
    "postgres": 5433,
    "smtp": 8125,
    "mail": 8126,
}

# Below the range from which Linux and macOS take the ports of outgoing connections, so that nothing grabs
# a port between the moment it is picked and the moment a server listens on it.
_PICK_FROM = range(20000, 30000)
_REPLICA_STRIDE = 100


def port_variable(name: str) -> str:
    """The environment variable that changes the port of `name` ("mail" is the page, "smtp" the server)."""
    base = "mail_page" if name == "mail" else name.partition("-")[0]
    return f"RECOURSE_{base.upper()}_PORT"


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def require_free(name: str, port: int) -> None:
    """Raise `StackError` when `port`, which `name` needs, is taken."""
    if not is_free(port):
        raise StackError(
            f"Port {port} ({name}) is used by another program: stop that program, "
            f"or set {port_variable(name)} to a free port."
        )


def default_ports(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, int]:
    """The fixed port of each process name, with overrides from `environ`."""
    return {name: _default_port(name, environ) for name in names}


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A free port for each process name: none that was given out before, to this command or another, until all were."""
    wanted = list(names)
    with _last_given().open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = int(file.read() or 0)
        ports = list(islice((port for port in _after(last) if is_free(port)), len(wanted)))
        if len(ports) < len(wanted):
            raise StackError("No free TCP port was found; stop programs that listen on many ports and try again.")
        file.truncate(0)
        file.write(str(ports[-1] if ports else last))
    return dict(zip(wanted, ports, strict=True))


def _last_given() -> Path:
    """A stack starts seconds after its ports were picked: stacks that start at the same time must not pick the same."""
    return Path(tempfile.gettempdir()) / f"recourse-last-port-{os.getuid()}"


def _after(last: int) -> Iterable[int]:
    """All ports to pick from, those above `last` first."""
    return sorted(_PICK_FROM, key=lambda port: (port <= last, port))


def _default_port(name: str, environ: Mapping[str, str]) -> int:
    base, _, rest = name.partition("-")
    override = environ.get(port_variable(name), "").strip()
    if override and not override.isdecimal():
        raise StackError(f"{port_variable(name)} must be a port number, but is '{override}'.")
    port = int(override) if override else DEFAULT_PORTS[base]
    if base == "kafka":
        return port + _kafka_offset(rest)
    return port + _REPLICA_STRIDE * (int(rest) - 1) if rest else port


def _kafka_offset(rest: str) -> int:
    """Node 1 takes the port itself and the next one for its controller, node 2 the two after that, ..."""
    node, _, controller = rest.partition("-")
    return 2 * (int(node) - 1) + (1 if controller else 0)
