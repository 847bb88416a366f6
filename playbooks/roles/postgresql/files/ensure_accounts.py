"""Make PostgreSQL accounts and databases that are missing; one line on standard output for each change.

Standard input is {"roles": {name: password}, "creators": [name], "databases": {name: owner},
"replication": {name: password}, "slots": [name]}; the passwords travel only there. An account for replication streams
the whole cluster, and may read its files for a rewind; a slot keeps what its stand-by has not got yet. Whether a password is the one the cluster knows is computed from the stored SCRAM verifier (RFC 5803), so no
login is tried and nothing is written when it is.
"""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys

CLUSTER = "@cluster@"  # VERSION/NAME, put in by the role
# What pg_rewind asks of its source (PostgreSQL's manual, pg_rewind, Notes); a base backup gives the same content.
REWIND = (
    "pg_catalog.pg_ls_dir(text, boolean, boolean)",
    "pg_catalog.pg_stat_file(text, boolean)",
    "pg_catalog.pg_read_binary_file(text)",
    "pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)",
)


def psql(statement: str) -> list[str]:
    """Run one statement as the superuser and give its lines; the statement travels on standard input."""
    command = ["runuser", "-u", "postgres", "--", "psql", "-AtqX", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]
    done = subprocess.run(command, input=statement, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        # the first line only: the ones after it quote the statement, which may hold a password
        sys.exit("psql: " + (done.stderr.splitlines() or ["failed"])[0][:200])
    return done.stdout.splitlines()


def name(text: str) -> str:
    """Quote an identifier."""
    return '"' + text.replace('"', '""') + '"'


def value(text: str) -> str:
    """Quote a literal."""
    return "'" + text.replace("'", "''") + "'"


def knows(verifier: str, password: str) -> bool:
    """Whether a stored verifier, SCRAM-SHA-256$iterations:salt$stored:server, belongs to this password."""
    try:
        _, head, keys = verifier.split("$")
        iterations, salt = head.split(":")
        stored = base64.b64decode(keys.split(":")[0])
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    except ValueError:
        return False
    client = hmac.digest(salted, b"Client Key", "sha256")
    return hmac.compare_digest(hashlib.sha256(client).digest(), stored)


def verifier(password: str, salt: bytes, iterations: int = 4096) -> str:
    """Make a verifier, so that the password itself is in no statement and no server log."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(item).decode() for item in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{parts[0]}${parts[1]}:{parts[2]}"


def replication(wanted: dict) -> list[tuple[str, str]]:
    """What to do for the accounts that stream, and for the slots of those who follow."""
    steps = []
    streaming = set(psql("select rolname from pg_roles where rolreplication"))
    slots = set(psql("select slot_name from pg_replication_slots"))
    for role in wanted["replication"]:
        if role not in streaming:
            grants = [f"grant execute on function {each} to {name(role)}" for each in REWIND]
            statement = "; ".join([f"alter role {name(role)} replication", *grants])
            steps.append((f"let {role} stream", statement))
    for slot in wanted["slots"]:
        if slot not in slots:
            steps.append((f"make slot {slot}", f"select pg_create_physical_replication_slot({value(slot)})"))
    return steps


def plan(wanted: dict, salt: bytes) -> list[tuple[str, str]]:
    """What to do, as (line to print, statement), in order; nothing where this cluster is a stand-by now."""
    if psql("select pg_is_in_recovery()") == ["t"]:
        return []
    known = dict(line.split("|") for line in psql("select rolname, coalesce(rolpassword, '') from pg_authid"))
    creators = set(psql("select rolname from pg_roles where rolcreatedb"))
    databases = set(psql("select datname from pg_database"))
    steps = []
    for role, password in (wanted["roles"] | wanted["replication"]).items():
        if role not in known:
            steps.append((f"create role {role}", f"create role {name(role)} login"))
        if not knows(known.get(role, ""), password):
            made = value(verifier(password, salt))
            steps.append((f"set password of {role}", f"alter role {name(role)} login password {made}"))
        if (role in wanted["creators"]) != (role in creators):
            word = "createdb" if role in wanted["creators"] else "nocreatedb"
            steps.append((f"{word} for {role}", f"alter role {name(role)} {word}"))
    for database, owner in wanted["databases"].items():
        if database not in databases:
            statement = f"create database {name(database)} owner {name(owner)}"
            steps.append((f"create database {database}", statement))
    return steps + replication(wanted)


def main() -> None:
    """Apply, or with --check print, what is missing."""
    wanted, check = json.load(sys.stdin), "--check" in sys.argv
    os.environ["PGCLUSTER"] = CLUSTER  # what Debian's psql chooses the cluster by
    if check and CLUSTER and not os.path.exists(f"/etc/postgresql/{CLUSTER}/postgresql.conf"):
        print("\n".join(f"create role {role}" for role in wanted["roles"]))
        return
    for line, statement in plan(wanted, os.urandom(16)):
        if not check:
            psql(statement)
        print(line)


main()
