"""PostgreSQL clusters as their own superuser sees them, asked over ssh at their own server.

What Debian calls a cluster is VERSION/NAME; where it lies and its port are asked of the server, never assumed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from dcops.core.clock import monotonic
from dcops.core.errors import CommandError, DcopsError, TransportError
from dcops.drills.context import DrillContext

_POLL_SECONDS = 0.5
_START_SECONDS = 120.0
_NO_SERVER = 2  # psql's status when nobody answers


@dataclass(frozen=True)
class Cluster:
    """One cluster at one server; `data` is its data folder."""

    device: str
    name: str
    version: str
    port: int
    data: str

    @property
    def where(self) -> str:
        """How people call it."""
        return f"{self.device}/{self.name}"

    @property
    def unit(self) -> str:
        """Its systemd unit."""
        return f"postgresql@{self.version}-{self.name}.service"

    @property
    def slot(self) -> str:
        """The slot kept for it at whatever it streams from (as the inventory names it for Ansible)."""
        return f"{self.device}_{self.name}".replace("-", "_")

    @property
    def settings(self) -> str:
        """Its settings file."""
        return f"/etc/postgresql/{self.version}/{self.name}/postgresql.conf"

    def program(self, name: str) -> str:
        """Give the path of a program of its version."""
        return f"/usr/lib/postgresql/{self.version}/bin/{name}"


def find_cluster(context: DrillContext, device: str, name: str) -> Cluster:
    """Give a cluster, up or down. Raises DcopsError when the server has none of that name, TransportError."""
    listed = context.hosts.run(device, ["pg_lsclusters", "--no-header"])
    for line in listed.splitlines():
        version, found, port, _, _, data, *_ = line.split()
        if found == name:
            return Cluster(device, name, version, int(port), data)
    raise DcopsError(f'there is no PostgreSQL cluster "{name}"', where=device)


def await_cluster(context: DrillContext, device: str, name: str, within: float = 60.0) -> Cluster:
    """Give a cluster of a server that may still be booting. Raises the last TransportError after `within` seconds."""
    deadline = monotonic() + within
    while True:
        try:
            return find_cluster(context, device, name)
        except TransportError:
            if monotonic() > deadline:
                raise
        context.token.wait(_POLL_SECONDS)
        context.token.raise_if_cancelled()


def as_postgres(
    context: DrillContext, cluster: Cluster, argv: Sequence[str], *, input: bytes | None = None, seconds: float = 60
) -> str:
    """Run a program as the account `postgres` at the cluster's server."""
    return context.hosts.run(
        cluster.device, ["runuser", "-u", "postgres", "--", *argv], input=input, timeout_seconds=seconds
    )


def ask(context: DrillContext, cluster: Cluster, statement: str, *, database: str = "postgres") -> tuple[str, ...]:
    """Run one statement and give the columns of its first row; nothing when it has none."""
    argv = ["psql", "--cluster", f"{cluster.version}/{cluster.name}", "--no-psqlrc", "--quiet", "--tuples-only",
            "--no-align", "--field-separator=\t", "--set=ON_ERROR_STOP=1", f"--dbname={database}",
            f"--command={statement}"]  # fmt: skip
    lines = as_postgres(context, cluster, argv).splitlines()
    return tuple(lines[0].split("\t")) if lines else ()


def is_up(context: DrillContext, cluster: Cluster) -> bool:
    """Say whether the cluster runs."""
    return context.hosts.status(cluster.device, ["systemctl", "is-active", "--quiet", cluster.unit]) == 0


def in_recovery(context: DrillContext, cluster: Cluster) -> bool | None:
    """Say whether the cluster is a stand-by; None when it does not run."""
    try:
        return ask(context, cluster, "SELECT pg_is_in_recovery()") == ("t",)
    except CommandError as error:
        if error.status == _NO_SERVER and not is_up(context, cluster):
            return None
        raise


def stop(context: DrillContext, cluster: Cluster) -> None:
    """Stop the cluster, sending its stand-bys what they lack; harmless when it does not run."""
    context.hosts.run(cluster.device, ["systemctl", "stop", cluster.unit], timeout_seconds=_START_SECONDS)


def start(context: DrillContext, cluster: Cluster) -> None:
    """Start the cluster; its unit asks the partner first (role postgresql)."""
    context.hosts.status(cluster.device, ["systemctl", "reset-failed", cluster.unit])
    context.hosts.run(cluster.device, ["systemctl", "start", cluster.unit], timeout_seconds=_START_SECONDS)


@contextmanager
def alone(context: DrillContext, cluster: Cluster) -> Iterator[None]:
    """Run a stopped cluster for the time of the block: by its local socket only, and to be read only.

    It is started past its unit, so the guard there, which keeps it from serving beside its partner, is not asked.
    """
    options = f"-c config_file={cluster.settings} -c listen_addresses='' -c default_transaction_read_only=on"
    options += " -c archive_mode=off"
    control = [cluster.program("pg_ctl"), "--pgdata", cluster.data, "--wait"]
    log = f"/var/log/postgresql/postgresql-{cluster.version}-{cluster.name}.log"
    begin = [*control, "--log", log, "--timeout=110", "--options", options, "start"]
    try:  # a start that takes too long is stopped, too: beside its unit nothing else would
        as_postgres(context, cluster, begin, seconds=_START_SECONDS)
        yield
    finally:
        as_postgres(context, cluster, [*control, "--mode=fast", "stop"], seconds=_START_SECONDS)


def control_data(context: DrillContext, cluster: Cluster) -> dict[str, str]:
    """Give what the cluster's control file says, by its own words; it need not run."""
    told = as_postgres(context, cluster, [cluster.program("pg_controldata"), cluster.data])
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in told.splitlines())}


def partner_connection(context: DrillContext, cluster: Cluster) -> str:
    """Give how this cluster reaches its partner, from its own settings; it need not run. The password is in a file."""
    argv = [cluster.program("postgres"), "-D", cluster.data, "-c", f"config_file={cluster.settings}",
            "-C", "primary_conninfo"]  # fmt: skip
    found = as_postgres(context, cluster, argv).strip()
    if not found:
        raise DcopsError("its settings name no partner", where=cluster.where, hint="See: docs/provisioning.md.")
    return found


def lsn_number(text: str) -> int:
    """Give a place in the log, written as 0/1002AAD8, as a number of bytes."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def moment_of(epoch: str) -> datetime:
    """Give seconds since 1970, as PostgreSQL writes them, as a moment."""
    return datetime.fromtimestamp(float(epoch), UTC)


def wait_replayed(context: DrillContext, cluster: Cluster, lsn: str, within: float) -> float | None:
    """Wait until a stand-by has replayed up to `lsn` and give the seconds that took; None when it did not."""
    began = monotonic()
    while True:
        row = ask(context, cluster, "SELECT coalesce(pg_last_wal_replay_lsn()::text, '0/0')")
        if lsn_number(row[0]) >= lsn_number(lsn):
            return monotonic() - began
        if monotonic() - began > within or context.token.is_cancelled:
            return None
        context.token.wait(0.2)
