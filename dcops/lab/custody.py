"""Which secrets a twin needs, and the files that each node boots with. Makes what is missing, changes nothing else."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from dcops.core.clock import utc_now
from dcops.core.errors import Refused
from dcops.core.files import private_dir, write_atomic
from dcops.core.words import Environment
from dcops.lab import keys, render
from dcops.lab.model import Node, Topology
from dcops.lab.overlay import Folders
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, load_identity, verify

PEOPLE = ("operator-1", "approver-1", "approver-2")
RETENTION = "retention"
COPY_PASSWORDS = ("restic-copy-password", "restic-copy-http-jkt", "restic-copy-http-drc")
PASSWORDS = (
    "naskah-db-password",
    "postgresql-replication",
    "absensi-db-password",
    "absensi-backup-password",
    "restic-password",
    "restic-http-jkt",
    "restic-http-drc",
    "snmp-community",
)
_FILES = Path(__file__).parent / "files"
# All that the retention host's key may do on an operations server.
_EXCHANGE = "/usr/local/bin/dcops records exchange --with"
_UNITS = "/etc/systemd/system/multi-user.target.wants"


@dataclass(frozen=True)
class BootFile:
    """A file of a node: content, or with `link` the target of a symbolic link.

    One that `is_seed` is written on an empty disk only: from then on it belongs to whoever configures the node.
    """

    path: str
    content: bytes = b""
    mode: int = 0o644
    owner: str = "root"
    link: str | None = None
    is_seed: bool = False

    @property
    def fingerprint(self) -> str:
        """Hash of what it should be."""
        return hashlib.sha256(repr((self.content, self.mode, self.owner, self.link)).encode()).hexdigest()


@dataclass(frozen=True)
class Custody:
    """What the lab holds for its nodes: public lines, and where the private parts lie."""

    folders: Folders
    seed: str
    issuer: SigningKey
    people: dict[str, str]
    retention: str
    host_keys: dict[str, str]
    node_keys: dict[str, str]
    exchange_keys: dict[str, str]

    def login_key(self, node: Node) -> Path:
        """Give the private key by which this host logs in to a node: the backup server has one of its own domain."""
        return self.folders.secrets / (RETENTION if node.has_role("backup") else PEOPLE[0])

    def authorized(self, node: Node) -> list[str]:
        """Give the public keys that may log in as root: the lab's own everywhere, the operations servers' only where
        they may go, which is neither the backup server nor the national side."""
        lines = [self.people[PEOPLE[0]]]
        if node.has_role("backup"):
            return [self.retention, *lines]
        if node.has_role("operations"):
            lines += [f'restrict,command="{_EXCHANGE} {name}" {line}' for name, line in self.exchange_keys.items()]
        return [*lines, *self.node_keys.values()] if node.is_ministry else lines


def prepare(folders: Folders, topology: Topology, extra: tuple[str, ...] = ()) -> Custody:
    """Make every secret that is missing and give what the nodes need; `extra` names further random texts."""
    where = private_dir(folders.secrets)
    for name in (*PASSWORDS, *COPY_PASSWORDS, *extra):
        keys.ensure_text(where, name)
    _certificates(where, topology)
    host_folder, node_folder = private_dir(where / "hosts"), private_dir(where / "nodes")
    return Custody(
        folders=folders,
        seed=keys.ensure_text(where, "seed"),
        issuer=keys.ensure_signing_key(where, "identity.key"),
        people={name: keys.ensure_ssh_key(where, name, name) for name in PEOPLE},
        retention=keys.ensure_ssh_key(where, RETENTION, RETENTION),
        host_keys={n.name: keys.ensure_ssh_key(host_folder, n.name, n.name) for n in topology.nodes},
        node_keys={
            n.name: keys.ensure_ssh_key(node_folder, n.name, f"root@{n.name}") for n in topology.having("operations")
        },
        exchange_keys={
            n.name: keys.ensure_ssh_key(node_folder, n.name, f"root@{n.name}") for n in topology.having("backup")
        },
    )


def _certificates(where: Path, topology: Topology) -> None:
    keys.ensure_authority(where, "ca", "dcops lab CA of the ministry")
    keys.ensure_authority(where, "pdn-ca", "dcops lab CA of the national side")
    services = [n for n in topology.names if n.address not in {node.address for node in topology.nodes}]
    hosts = [word for n in topology.having("application") for word in (n.fqdn, n.address, n.management_address)]
    names = [word for service in services for word in (service.name, service.address)]
    wanted = [("service", "ca", [*names, *hosts])]
    for name, role, authority in (
        ("rest-server", "backup", "ca"),
        ("rest-server-copy", "backup_copy", "ca"),
        ("mail", "mail", "ca"),
        ("gw", "gateway", "pdn-ca"),
    ):
        nodes = topology.having(role)
        subjects = [word for n in nodes for word in (n.fqdn, n.name, n.address, n.management_address)]
        subjects += [other.name for other in topology.names if other.address in {n.address for n in nodes}]
        wanted.append((name, authority, subjects))
    for node in topology.having("database"):
        also = [other.name for other in topology.names if other.address == node.address]
        wanted.append((node.name, "ca", [node.fqdn, node.name, node.address, *also]))
    for name, authority, subjects in wanted:
        if subjects:
            keys.ensure_certificate(where, name, authority, list(dict.fromkeys([*subjects, "127.0.0.1"])))
    for node in (*topology.having("database"), *topology.having("backup")):  # each calls the other and is called
        keys.ensure_certificate(where, f"{node.name}-wal", "ca", [node.fqdn, node.address], is_client=True)


def write_access_files(custody: Custody, topology: Topology, proxy: str) -> None:
    """Write known_hosts and the SSH configuration of this host."""
    folders = custody.folders
    write_atomic(folders.known_hosts, known_hosts(custody, topology))
    logins = {node.name: str(custody.login_key(node)) for node in topology.nodes}
    text = render.ssh_config(topology, keys=logins, known_hosts=str(folders.known_hosts), proxy=proxy)
    write_atomic(folders.ssh_config, text)


def known_hosts(custody: Custody, topology: Topology) -> str:
    """Give the host keys of all nodes, a line each."""
    return "".join(render.known_hosts_line(node, custody.host_keys[node.name]) for node in topology.nodes)


def boot_files(custody: Custody, topology: Topology, node: Node) -> list[BootFile]:
    """Give the files a node boots with."""
    secrets = custody.folders.secrets
    host_key = (secrets / "hosts" / node.name).read_bytes()
    files = [
        BootFile("/etc/hostname", f"{node.name}\n".encode()),
        BootFile("/etc/machine-id", f"{render.machine_id(custody.seed, node.name)}\n".encode(), 0o444),
        BootFile("/etc/hosts", render.hosts(topology, node).encode()),
        BootFile("/etc/resolv.conf", render.resolv_conf(topology, node).encode()),
        BootFile("/etc/ssh/ssh_host_ed25519_key", host_key, 0o600),
        BootFile("/etc/ssh/ssh_host_ed25519_key.pub", f"{custody.host_keys[node.name]}\n".encode()),
        BootFile("/root/.ssh/authorized_keys", _lines(custody.authorized(node)), 0o600),
    ]
    if node.is_ministry:
        files.append(BootFile("/etc/ssh/ssh_known_hosts", known_hosts(custody, topology).encode()))
    if node.router:
        files += _router_files(custody, node)
    if node.has_role("operations"):
        own = (secrets / "nodes" / node.name).read_bytes()
        files += [
            BootFile("/root/.ssh/id_ed25519", own, 0o600),
            BootFile("/root/.ssh/id_ed25519.pub", _lines([custody.node_keys[node.name]])),
            BootFile(
                "/etc/tmpfiles.d/dcops-lab.conf",
                b"d /run/dcops 0755 root root\nL+ /run/dcops/lab.sock - - - - /run/dcops-lab/lab.sock\n",
            ),
        ]
    if node.has_role("backup"):
        files += [
            BootFile("/root/.ssh/id_ed25519", (secrets / "nodes" / node.name).read_bytes(), 0o600),
            BootFile("/root/.ssh/id_ed25519.pub", _lines([custody.exchange_keys[node.name]])),
        ]
    if node.has_role("gateway"):
        files += _gateway_files(secrets, topology, node)
    return files


def _router_files(custody: Custody, node: Node) -> list[BootFile]:
    files = [
        BootFile("/etc/frr/frr.conf", render.frr_conf(node).encode(), 0o640, "frr", is_seed=node.is_ministry),
        BootFile(f"{_UNITS}/frr.service", link="/usr/lib/systemd/system/frr.service"),
    ]
    if node.is_ministry:
        lines = [custody.people[PEOPLE[0]], *custody.node_keys.values()]
        files.append(BootFile("/home/netops/.ssh/authorized_keys", _lines(lines), 0o600, "netops"))
    return files


def _gateway_files(secrets: Path, topology: Topology, node: Node) -> list[BootFile]:
    """Give what the national side's gateway has: its observer, its own certificate, a caching resolver."""
    return [
        BootFile("/usr/local/lib/dcops/observer.py", (_FILES / "observer.py").read_bytes(), 0o755),
        BootFile("/etc/systemd/system/dcops-observer.service", (_FILES / "dcops-observer.service").read_bytes()),
        BootFile(f"{_UNITS}/dcops-observer.service", link="/etc/systemd/system/dcops-observer.service"),
        BootFile("/etc/observer/service-ca.crt", (secrets / "ca.crt").read_bytes()),
        BootFile("/etc/observer/gw.crt", (secrets / "gw.crt").read_bytes()),
        BootFile("/etc/observer/gw.key", (secrets / "gw.key").read_bytes(), 0o600),
        BootFile("/etc/unbound/unbound.conf", render.unbound_conf(topology, node).encode()),
        BootFile("/etc/unbound/empty-root.zone", render.EMPTY_ROOT.encode()),
        BootFile(f"{_UNITS}/unbound.service", link="/usr/lib/systemd/system/unbound.service"),
    ]


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def identity_file(custody: Custody, topology: Topology, node: Node, root: Path) -> list[BootFile]:
    """Give the node's signed identity and its issuer's key; the one on its disk when that is still right."""
    where = root / "etc/dcops/identity.json"
    issuer = custody.issuer.public
    machine_id = render.machine_id(custody.seed, node.name)
    fields = {"environment": Environment.TWIN, "site": node.site, "inventory": topology.inventory, "node": node.name}
    try:
        present = load_identity(where)
        verify(present, issuer, machine_id)
        is_right = all(getattr(present, name) == value for name, value in fields.items())
    except Refused:
        is_right = False
    if is_right:
        return []
    identity = issue_identity(
        custody.issuer,
        environment=Environment.TWIN,
        site=node.site,
        inventory=topology.inventory,
        node=node.name,
        machine_id=machine_id,
        at=utc_now(),
    )
    text = identity.model_dump_json(indent=2) + "\n"
    return [BootFile("/etc/dcops/issuer.pub", issuer.pem.encode()), BootFile("/etc/dcops/identity.json", text.encode())]


def write_boot_files(folders: Folders, node: Node, files: list[BootFile]) -> list[str]:
    """Write the files that are new, changed or missing, and give their paths.

    A file that the node or a playbook changed since is left alone as long as what the lab wants there has not changed.
    """
    root = folders.root(node.name)
    stamp_file = folders.nodes / node.name / "boot.json"
    stamps: dict[str, str] = json.loads(stamp_file.read_text()) if stamp_file.exists() else {}
    written = []
    for file in files:
        path = root / file.path.lstrip("/")
        is_there = file.path in stamps and (path.exists() or path.is_symlink())
        if is_there and (file.is_seed or stamps[file.path] == file.fingerprint):
            continue
        _write(root, path, file)
        stamps[file.path] = file.fingerprint
        written.append(file.path)
    if written:
        write_atomic(stamp_file, json.dumps(stamps), 0o600)
    return written


def _write(root: Path, path: Path, file: BootFile) -> None:
    uid, gid = _ids(root, file.owner)
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True)
        if file.owner != "root":
            path.parent.chmod(0o700)
            os.chown(path.parent, uid, gid)
    if file.link is not None:
        path.unlink(missing_ok=True)
        path.symlink_to(file.link)
        return
    temporary = path.with_name(f".{path.name}.lab")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, file.mode)
        stream.write(file.content)
    temporary.replace(path)


def _ids(root: Path, owner: str) -> tuple[int, int]:
    if owner == "root":
        return 0, 0
    for line in (root / "etc/passwd").read_text().splitlines():
        name, _, uid, gid = line.split(":")[:4]
        if name == owner:
            return int(uid), int(gid)
    return 0, 0
