"""Starts a real MariaDB on 127.0.0.1, and gives databases the two accounts a connection has."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from servers.loopback import _child, _folder, free_port, listens, postgres, program, until

READ_PASSWORD = "read-s3cret-91"
WRITE_PASSWORD = "write-s3cret-17"


@dataclass(frozen=True)
class Database:
    """Where it listens, and how the tests themselves look into it as its owner."""

    address: str
    port: int
    folder: str = ""


@contextmanager
def mariadb() -> Iterator[Database]:
    """A MariaDB with the database shop, `reader` (SELECT only) and `writer`."""
    owner = pwd.getpwnam("mysql") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    with _folder(owner.pw_uid) as folder:
        data, port = folder / "data", free_port()
        subprocess.run(
            [program("mariadb-install-db"), f"--datadir={data}", f"--user={owner.pw_name}", "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            check=True, capture_output=True,
        )  # fmt: skip
        first = folder / "first.sql"
        first.write_text(
            "CREATE DATABASE shop;\n"
            f"CREATE USER reader@localhost IDENTIFIED BY '{READ_PASSWORD}';\n"
            f"CREATE USER writer@localhost IDENTIFIED BY '{WRITE_PASSWORD}';\n"
            "CREATE USER owner@localhost;\nGRANT ALL ON *.* TO owner@localhost WITH GRANT OPTION;\n"
            "GRANT SELECT ON shop.* TO reader@localhost;\nGRANT ALL ON shop.* TO writer@localhost;\n"
        )
        first.chmod(0o644)
        argv = [
            program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--user={owner.pw_name}", f"--port={port}",
            "--bind-address=127.0.0.1", f"--socket={folder}/socket", f"--pid-file={folder}/pid", f"--init-file={first}",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--skip-log-bin",
        ]  # fmt: skip
        with _child(argv):
            until(lambda: listens(port), "MariaDB")
            yield Database(f"mysql://127.0.0.1:{port}/shop", port, str(folder))


@contextmanager
def postgresql() -> Iterator[Database]:
    """A PostgreSQL with `reader` (pg_read_all_data) and `writer`, and tests as its superuser `ops`."""
    with postgres() as server:
        port = int(server["port"])
        with psycopg.connect(host="127.0.0.1", port=port, user="ops", dbname="postgres", autocommit=True) as sql:
            sql.execute(f"CREATE ROLE reader LOGIN PASSWORD '{READ_PASSWORD}' IN ROLE pg_read_all_data")
            sql.execute(f"CREATE ROLE writer LOGIN PASSWORD '{WRITE_PASSWORD}'")
            sql.execute("GRANT ALL ON SCHEMA public TO writer")
            (path,) = sql.execute("SHOW hba_file").fetchone() or ("",)
            rules = "host all ops 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\nlocal all ops trust\n"
            Path(path).write_text(rules)
            sql.execute("SELECT pg_reload_conf()")
        yield Database(f"postgresql://127.0.0.1:{port}/postgres", port)
