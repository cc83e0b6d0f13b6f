"""The databases that the stores are tested on: SQLite in a file, and a PostgreSQL server that the tests start for themselves.

The server is started once a session, on a socket in a folder of its own, without TCP and without fsync; every test has a database of its
own, made from one that has been migrated already. It ends with the session.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

KINDS = ("sqlite", "postgresql")
_numbers = itertools.count(1)


class Server:
    """A PostgreSQL of our own."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="selfline-pg-"))
        self.data = self.folder / "data"
        self._owner = _owner()
        if self._owner:
            shutil.chown(self.folder, self._owner)
        self.folder.chmod(0o755)
        self._run("initdb", "-D", str(self.data), "-U", "selfline", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.configure(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'")
        self.configure("fsync = off\nfull_page_writes = off\nmax_connections = 200\nshared_buffers = 32MB\nautovacuum = off")
        self.start()
        self._closed = False
        atexit.register(self.close)

    def configure(self, line: str) -> None:
        """Add to its configuration, for the next start."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(line + "\n")

    def start(self) -> None:
        """Start it; returns when it takes connections."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-s", "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `fast` cuts connections off, `immediate` is a crash."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-s", "-m", mode, "stop")

    def close(self) -> None:
        """End it and remove its folder."""
        if not self._closed:
            self._closed = True
            self.stop("immediate")
            shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql+psycopg://selfline@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection past all of our code."""
        return psycopg.connect(host=str(self.folder), user="selfline", dbname=database, autocommit=True)

    def new_database(self, like: str = "template0") -> str:
        """Make one; its name."""
        name = f"t{next(_numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return name

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(
            command, user=self._owner, cwd="/", capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _owner() -> str | None:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return None


def _programs() -> Path | None:
    """Where initdb and pg_ctl are: on the PATH, or where Debian keeps them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


@cache
def server() -> Server:
    """The session's server."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed here (apt-get install postgresql)")
    return Server(programs)


@cache
def _template() -> str:
    """A database that has been migrated."""
    from adapters.storage.postgres import PostgresDatabase

    name = server().new_database()
    PostgresDatabase(server().address(name)).close()
    return name


def new_database(kind: str, root: Path) -> Path | str:
    """A database for one test: a path below `root` where none is yet, or the address of one that is empty but migrated."""
    if kind == "sqlite":
        return root / "selfline.db"
    return server().address(server().new_database(_template()))


class Plain:
    """A database past all of our code, as any program that has its password may use it."""

    def __init__(self, where: Path | str) -> None:
        self._connection: Any
        if isinstance(where, Path):
            self._connection = sqlite3.connect(where, isolation_level=None)
            self._connection.execute("PRAGMA foreign_keys=ON")
        else:
            self._connection = server().connect(make_url(where).database or "")

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Do it; the rows."""
        cursor = self._connection.execute(statement)
        return cursor.fetchall() if cursor.description else []

    def refusal(self, statement: str) -> str:
        """Try it, and take it back: what the database says against it, "" when nothing."""
        self._connection.execute("BEGIN")
        try:
            self._connection.execute(statement)
        except (sqlite3.IntegrityError, psycopg.IntegrityError) as error:
            told = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
            return str(told)
        finally:
            self._connection.execute("ROLLBACK")
        return ""

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()
