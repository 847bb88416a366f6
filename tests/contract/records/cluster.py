"""A throwaway PostgreSQL cluster: Debian's server programs, a folder of the test's own, a Unix socket, no TCP."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

_numbers = count()


def find_binaries() -> Path | None:
    """Return the folder of the newest installed server programs."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0), default=None)


@dataclass
class Cluster:
    """A running cluster; `socket` is the folder of its Unix socket."""

    binaries: Path
    data: Path
    socket: Path
    created: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator["Cluster"]:
        """Make a cluster, start it, and stop it at the end. PostgreSQL refuses root, so root becomes postgres."""
        binaries = find_binaries()
        assert binaries is not None
        # A socket path holds 107 bytes at most, and user postgres must be able to enter it.
        top = Path(tempfile.mkdtemp(prefix="dcops-pg-", dir="/tmp"))
        data = top / "data"
        cluster = cls(binaries, data, top)
        try:
            if os.geteuid() == 0:
                shutil.chown(top, "postgres", "postgres")
            top.chmod(0o755)
            cluster.run("initdb", "-D", str(data), "-U", "dcops", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
            shutil.rmtree(top, ignore_errors=True)

    def run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the cluster's owner."""
        argv: Sequence[str] = [str(self.binaries / program), *arguments]
        if os.geteuid() == 0:
            argv = ["runuser", "-u", "postgres", "--", *argv]
        done = subprocess.run(argv, text=True, capture_output=True, check=False, cwd="/", stdin=subprocess.DEVNULL)
        if check and done.returncode:
            raise AssertionError(f"{program}: {done.stdout}{done.stderr}")
        return done

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self.socket}"
        self.run("pg_ctl", "-D", str(self.data), "-l", str(self.socket / "log"), "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stop the server at once; harmless when it is down."""
        self.run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop", check=False)

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"records{next(_numbers)}"
        self.run("createdb", "-h", str(self.socket), "-U", "dcops", name)
        return f"postgresql://dcops@/{name}?host={self.socket}"
