"""The program that makes MariaDB accounts, against Debian's real MariaDB."""

import json
import subprocess
import sys
from pathlib import Path

import pymysql
import pytest

from tests.integration.mariadb_server import MariadbServer

from tests.integration.mariadb_server import mariadb as mariadb  # the fixture  # isort: skip

PROGRAM = (Path(__file__).parents[3] / "playbooks/roles/mariadb/files/ensure_mariadb.py").read_text()
CANARY = "canary-account-password"
GRANT = {"account": "tamu", "database": "tamu", "privileges": ["SELECT", "LOCK TABLES"]}


def ensure(server: MariadbServer, *, mode: str = "--apply", **wanted: object) -> list[str]:
    empty = {"accounts": {}, "clients": ["127.0.0.1"], "grants": [], "databases": []}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode],
        input=json.dumps({**empty, **wanted}),
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MYSQL_UNIX_PORT": str(server.socket)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert CANARY not in done.stdout + done.stderr
    return done.stdout.splitlines()


def login(server: MariadbServer, password: str, *, tls: bool = True) -> str:
    ssl = {"ca": str(server.certificate), "check_hostname": True} if tls else None
    with pymysql.connect(
        host="127.0.0.1", port=server.port, user="tamu", password=password, ssl=ssl, ssl_disabled=not tls
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("select current_user()")
        row = cursor.fetchone()
        return str(row[0]) if row else ""


@pytest.fixture
def clean(mariadb: MariadbServer) -> MariadbServer:
    mariadb.sql("drop database if exists tamu; drop user if exists tamu@'127.0.0.1', tamu@'10.9.9.9'")
    ensure(mariadb)  # what the package leaves behind
    return mariadb


def test_accounts_grants_and_databases_are_made_once(clean: MariadbServer) -> None:
    wanted = {"accounts": {"tamu": CANARY}, "databases": ["tamu"], "grants": [GRANT]}
    lines = ["create account tamu@127.0.0.1", "create database tamu", "let tamu@127.0.0.1 SELECT, LOCK TABLES in tamu"]
    assert ensure(clean, mode="--check", **wanted) == lines
    assert clean.sql("select count(*) from mysql.global_priv where user = 'tamu'") == "0"
    assert ensure(clean, **wanted) == lines
    assert ensure(clean, **wanted) == []
    assert ensure(clean, mode="--check", **wanted) == []


def test_an_account_enters_over_tls_with_its_password_only(clean: MariadbServer) -> None:
    ensure(clean, accounts={"tamu": CANARY})
    assert login(clean, CANARY) == "tamu@127.0.0.1"
    for password, tls in (("wrong", True), (CANARY, False)):
        with pytest.raises(pymysql.err.OperationalError):
            login(clean, password, tls=tls)
    assert ensure(clean, accounts={"tamu": CANARY + "2"}) == ["alter account tamu@127.0.0.1"]
    assert login(clean, CANARY + "2") == "tamu@127.0.0.1"


def test_an_account_at_an_address_that_is_no_client_any_more_is_dropped(clean: MariadbServer) -> None:
    ensure(clean, accounts={"tamu": CANARY}, clients=["10.9.9.9", "127.0.0.1"])
    assert ensure(clean, accounts={"tamu": CANARY}) == ["drop account tamu@10.9.9.9"]


def test_root_enters_by_the_socket_alone_and_nobody_without_a_password(clean: MariadbServer) -> None:
    clean.sql("alter user root@localhost identified via mysql_native_password using 'invalid' or unix_socket")
    clean.sql("create user ''@localhost; create database test")
    assert ensure(clean) == [
        "let root in by the socket alone",
        "drop account without a name@localhost",
        "drop database test",
    ]
    assert ensure(clean) == []
    assert clean.sql("select current_user()") == "root@localhost"
