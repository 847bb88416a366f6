"""Make a streaming stand-by where there is no data yet; one line on standard output for what was done.

The role puts in where the data goes, how the followed cluster is reached (the password is in a file), and its slot there.
"""

import os
import shutil
import subprocess
import sys
import time

DATA, CONNECTION, SLOT = "@data@", "@connection@", "@slot@"
WAIT_SECONDS = 60


def answers() -> bool:
    """Whether the followed cluster takes this account."""
    command = ["runuser", "-u", "postgres", "--", "psql", "-AtqX", "-c", "select 1", "-d", f"{CONNECTION} dbname=postgres"]
    return subprocess.run(command, capture_output=True, check=False, cwd="/").returncode == 0


def main() -> None:
    """Copy the followed cluster beside its place, then put it there; with --check say what would be done."""
    if os.path.exists(f"{DATA}/PG_VERSION"):
        return
    line = f"copy the followed cluster to {DATA}"
    if "--check" in sys.argv:
        print(line)
        return
    for _ in range(WAIT_SECONDS):
        if answers():
            break
        time.sleep(1)
    part = f"{DATA}.part"
    shutil.rmtree(part, ignore_errors=True)
    command = ["runuser", "-u", "postgres", "--", "pg_basebackup", "--pgdata", part, "--dbname", CONNECTION]
    command += ["--slot", SLOT, "--wal-method", "stream", "--checkpoint", "fast", "--no-password"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        sys.exit("pg_basebackup: " + (done.stderr.strip().splitlines() or ["failed"])[-1][:200])
    with open(f"{part}/standby.signal", "w", encoding="ascii"):
        pass
    shutil.chown(f"{part}/standby.signal", "postgres", "postgres")
    shutil.rmtree(DATA, ignore_errors=True)
    os.rename(part, DATA)
    print(line)


main()
