"""Make MariaDB accounts, grants and databases that are missing; one line on standard output for each change.

Standard input is {"accounts": {name: password}, "clients": [address], "grants": [{"account", "database", "privileges"}],
"databases": [name]}; the passwords travel only there. Whether a password is the one the server knows is computed from
the stored hash, and only its hash is in a statement, so no login is tried and no password reaches a log of the server.
"""

import hashlib
import json
import os
import subprocess
import sys

SOCKET = os.environ.get("MYSQL_UNIX_PORT", "/run/mysqld/mysqld.sock")


def query(*statements: str) -> list[list[str]]:
    """Run statements as root over the local socket and give the rows; the statements travel on standard input."""
    command = ["mariadb", "--skip-ssl", "--batch", "--raw", "--skip-column-names", f"--socket={SOCKET}", "--user=root"]
    text = ";\n".join(statements) + ";\n"
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        # the number of the error only: its text quotes the statement, which may hold the hash of a password
        said = (done.stderr.splitlines() or ["failed"])[0].partition(" at line")[0]
        sys.exit(f"mariadb: {said[:80]}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def value(text: str) -> str:
    """Quote a literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def name(text: str) -> str:
    """Quote an identifier."""
    return "`" + text.replace("`", "``") + "`"


def hash_of(password: str) -> str:
    """Give what mysql_native_password stores; the passwords are random and long, so that it has no salt does no harm."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()  # noqa: S324 - its format


def account(user: str, host: str) -> str:
    """Quote an account."""
    return f"{value(user)}@{value(host)}"


def plan_accounts(wanted: dict) -> list[tuple[str, str]]:
    """What to do about accounts: ours as asked for, root by its socket alone, and nobody without a password."""
    told = query("select User, Host, json_value(Priv, '$.plugin'), json_value(Priv, '$.authentication_string'),"
                 " json_value(Priv, '$.ssl_type'), coalesce(json_length(Priv, '$.auth_or'), 0) from mysql.global_priv")  # fmt: skip
    known = {(row[0], row[1]): row[2:] for row in told}
    steps = []
    root = known.get(("root", "localhost"), ["", "", "", "0"])
    if root[0] != "unix_socket" or int(root[3]) > 1:  # one way only: what is left of others is an empty element
        steps.append(("let root in by the socket alone", "alter user 'root'@'localhost' identified via unix_socket"))
    for user, host in known:
        if user in ("", "mysql") or (user == "root" and host != "localhost"):
            steps.append((f"drop account {user or 'without a name'}@{host}", f"drop user {account(user, host)}"))
        elif user in wanted["accounts"] and host not in wanted["clients"]:
            steps.append((f"drop account {user}@{host}", f"drop user {account(user, host)}"))
    for user, password in wanted["accounts"].items():
        for host in wanted["clients"]:
            found = known.get((user, host))
            verb = "alter" if found else "create"
            if not found or found[:2] != ["mysql_native_password", hash_of(password)] or found[2] != "1":
                via = f"identified via mysql_native_password using {value(hash_of(password))} require ssl"
                steps.append((f"{verb} account {user}@{host}", f"{verb} user {account(user, host)} {via}"))
    return steps


def plan_databases(wanted: dict) -> list[tuple[str, str]]:
    """What to do about databases: those that are missing, and the one every account could write into."""
    known = {row[0] for row in query("show databases")}
    steps = [("drop database test", "drop database test")] if "test" in known else []
    for database in wanted["databases"]:
        if database not in known:
            statement = f"create database {name(database)} character set utf8mb4 collate utf8mb4_unicode_ci"
            steps.append((f"create database {database}", statement))
    return steps


def plan_grants(wanted: dict) -> list[tuple[str, str]]:
    """What to do about privileges that an account lacks."""
    columns = "grantee, table_schema, privilege_type"
    found = {tuple(row) for row in query(f"select {columns} from information_schema.schema_privileges")}
    steps = []
    for grant in wanted["grants"]:
        for host in wanted["clients"]:
            who, database = account(grant["account"], host), grant["database"]
            missing = [each for each in grant["privileges"] if (who, database, each) not in found]
            if missing:
                statement = f"grant {', '.join(missing)} on {name(database)}.* to {who}"
                steps.append((f"let {grant['account']}@{host} {', '.join(missing)} in {database}", statement))
    return steps


def main() -> None:
    """Apply, or with --check print, what is missing."""
    wanted, check = json.load(sys.stdin), "--check" in sys.argv
    if check and not os.path.exists(SOCKET):
        print("\n".join(f"create account {user}" for user in wanted["accounts"]))
        return
    for plan in (plan_accounts, plan_databases, plan_grants):
        for line, statement in plan(wanted):
            if not check:
                query(statement)
            print(line)


main()
