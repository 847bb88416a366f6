"""Make stanzas, switch archiving on, take first base backups; one line on standard output for each change.

What is wanted is put in by the role as JSON: {"step": "stanza" | "base", "stanzas": [name]} at the repository host, and
{"step": "archive", "clusters": {VERSION/NAME: stanza}} where clusters archive. archive_command is set only when the
repository has the stanza: before that a segment would only fail. It is set beside the cluster's configuration and not by
`alter system`, for what lies in the data folder is replaced when the cluster is rebuilt from its stand-by.
"""

import json
import os
import subprocess
import sys

WANTED = "@wanted@"
READY = (0, 2)  # pgbackrest info: 0 ok, 2 no backup yet
ACCOUNT = ["runuser", "-u", "postgres", "--"]


def run(command: list[str], **options: str) -> str:
    """Run a command as `postgres` and give its output; its last line of error ends this program."""
    done = subprocess.run(ACCOUNT + command, capture_output=True, text=True, check=False, cwd="/", **options)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line] or ["failed"]
        sys.exit(f"{command[0]}: {said[0][:240]}")
    return done.stdout


def known(stanza: str) -> dict:
    """What the repository tells of a stanza."""
    return json.loads(run(["pgbackrest", f"--stanza={stanza}", "info", "--output=json"]))[0]


def psql(cluster: str, statement: str) -> str:
    """Run statements in a cluster as the superuser; they travel on standard input."""
    command = ["psql", "-AtqX", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]
    os.environ["PGCLUSTER"] = cluster
    return run(command, input=statement).strip()


def write(path: str, text: str) -> None:
    """Replace a file of the account in one step."""
    run(["sh", "-c", 'umask 022; cat >"$1.new" && mv "$1.new" "$1"', "sh", path], input=text)


def stanzas(wanted: dict) -> list[tuple[str, list[str]]]:
    """What the repository host has to make."""
    steps = []
    for name in wanted["stanzas"]:
        if wanted["step"] == "stanza" and known(name)["status"]["code"] == 1:
            steps.append((f"make stanza {name}", ["pgbackrest", f"--stanza={name}", "stanza-create"]))
        if wanted["step"] == "base" and not known(name)["backup"]:
            steps.append((f"take the first base backup of {name}", ["pgbackrest", f"--stanza={name}", "--type=full", "backup"]))
    return steps


def archive(wanted: dict, check: bool) -> None:
    """Set the archive command of each cluster that serves."""
    for cluster, stanza in wanted["clusters"].items():
        command = f"pgbackrest --stanza={stanza} archive-push %p"
        if check and not os.path.exists(f"/etc/postgresql/{cluster}/postgresql.conf"):
            print(f"archive {cluster} as {stanza}")
            continue
        if psql(cluster, "select pg_is_in_recovery()") == "t" or psql(cluster, "show archive_command") == command:
            continue
        if not check:
            status = known(stanza)["status"]
            if status["code"] not in READY:
                sys.exit(f"stanza {stanza}: {status['message']}: {cluster} does not archive")
            write(f"/etc/postgresql/{cluster}/archive.conf", f"archive_command = '{command}'\n")
            psql(cluster, "select pg_reload_conf()")
        print(f"archive {cluster} as {stanza}")


def main() -> None:
    """Apply, or with --check print, what is missing."""
    wanted, check = json.loads(WANTED), "--check" in sys.argv
    if wanted["step"] == "archive":
        archive(wanted, check)
        return
    if check and not os.path.exists("/etc/pgbackrest.conf"):
        print("\n".join(f"make stanza {name}" for name in wanted["stanzas"]))
        return
    for line, command in stanzas(wanted):
        if not check:
            run(command)
        print(line)


main()
