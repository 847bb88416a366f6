"""Keys, certificates and boot files, in a temporary folder."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from dcops.lab import custody, keys
from dcops.lab.custody import Custody
from dcops.lab.model import Topology
from dcops.lab.overlay import Folders


@pytest.fixture
def kept(topology: Topology, tmp_path: Path) -> Custody:
    folders = Folders(tmp_path / "lab")
    folders.prepare()
    return custody.prepare(folders, topology)


def lines(kept: Custody, topology: Topology, node: str, path: str) -> str:
    files = custody.boot_files(kept, topology, topology.node(node))
    return next(file.content for file in files if file.path == path).decode()


def test_a_second_call_changes_nothing(kept: Custody, topology: Topology) -> None:
    before = {path: path.read_bytes() for path in kept.folders.secrets.rglob("*") if path.is_file()}
    again = custody.prepare(kept.folders, topology)
    assert {path: path.read_bytes() for path in kept.folders.secrets.rglob("*") if path.is_file()} == before
    assert again.seed == kept.seed


def test_private_parts_are_private(kept: Custody) -> None:
    for path in kept.folders.secrets.rglob("*"):
        wanted = 0o700 if path.is_dir() else 0o644 if path.suffix in (".pub", ".crt") else 0o600
        assert path.stat().st_mode & 0o777 == wanted, path


def test_ssh_reads_our_keys(kept: Custody) -> None:
    private = kept.folders.secrets / "operator-1"
    shown = subprocess.run(["ssh-keygen", "-y", "-f", str(private)], capture_output=True, text=True, check=True).stdout
    assert shown.split()[:2] == kept.people["operator-1"].split()[:2]


def test_openssl_trusts_our_certificates_by_name_and_address(kept: Custody) -> None:
    secrets = kept.folders.secrets
    for name, authority, host in (("gw", "pdn-ca", "gw1.pdn.test"), ("rest-server", "ca", "drc-bkp1.drc.pmk.test")):
        words = ["openssl", "verify", "-CAfile", str(secrets / f"{authority}.crt"), "-verify_hostname", host]
        subprocess.run([*words, str(secrets / f"{name}.crt")], capture_output=True, check=True)
    words = ["openssl", "verify", "-CAfile", str(secrets / "ca.crt"), "-verify_ip", "198.18.20.15"]
    subprocess.run([*words, str(secrets / "rest-server.crt")], capture_output=True, check=True)
    other = subprocess.run(
        ["openssl", "verify", "-CAfile", str(secrets / "ca.crt"), str(secrets / "gw.crt")], capture_output=True
    )
    assert other.returncode != 0


def test_a_certificate_is_renewed_when_it_lacks_a_name(kept: Custody) -> None:
    secrets = kept.folders.secrets
    first = (secrets / "gw.crt").read_bytes()
    keys.ensure_certificate(secrets, "gw", "pdn-ca", ["gw1.pdn.test"])
    assert (secrets / "gw.crt").read_bytes() == first
    keys.ensure_certificate(secrets, "gw", "pdn-ca", ["gw1.pdn.test", "gw2.pdn.test"])
    names = x509.load_pem_x509_certificate((secrets / "gw.crt").read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "gw2.pdn.test" in names.value.get_values_for_type(x509.DNSName)


def test_no_operations_key_opens_the_backup_server_or_the_national_side(kept: Custody, topology: Topology) -> None:
    operations = kept.node_keys["jkt-ops1"]
    path = "/root/.ssh/authorized_keys"
    assert operations in lines(kept, topology, "jkt-svc1", path)
    for node in ("drc-bkp1", "pdn-gw1", "pdn-rtr1"):
        assert operations not in lines(kept, topology, node, path)
    assert kept.retention in lines(kept, topology, "drc-bkp1", path)
    assert kept.retention not in lines(kept, topology, "jkt-svc1", path)


def test_the_retention_hosts_key_can_exchange_journals_and_nothing_else(kept: Custody, topology: Topology) -> None:
    key = kept.exchange_keys["drc-bkp1"]
    path = "/root/.ssh/authorized_keys"
    for node in topology.nodes:
        found = [line for line in lines(kept, topology, node.name, path).splitlines() if key in line]
        wanted = f'restrict,command="/usr/local/bin/dcops records exchange --with drc-bkp1" {key}'
        assert found == ([wanted] if node.has_role("operations") else [])


def test_only_operations_and_backup_servers_hold_a_key_of_their_own(kept: Custody, topology: Topology) -> None:
    for node in topology.nodes:
        files = {file.path for file in custody.boot_files(kept, topology, node)}
        assert ("/root/.ssh/id_ed25519" in files) == (node.has_role("operations") or node.has_role("backup"))
        assert not [path for path in files if "ca.key" in path]


def test_a_file_somebody_changed_is_left_alone_until_the_lab_wants_another(
    kept: Custody, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fchown", lambda *_: None)
    node = topology.node("jkt-svc1")
    root = kept.folders.root(node.name)
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    first = custody.BootFile("/etc/motd", b"one\n")
    assert custody.write_boot_files(kept.folders, node, [first]) == ["/etc/motd"]
    (root / "etc/motd").write_text("changed by a playbook\n")
    assert custody.write_boot_files(kept.folders, node, [first]) == []
    assert (root / "etc/motd").read_text() == "changed by a playbook\n"
    assert custody.write_boot_files(kept.folders, node, [custody.BootFile("/etc/motd", b"two\n")]) == ["/etc/motd"]
    assert (root / "etc/motd").read_text() == "two\n"
    seed = custody.BootFile("/etc/seed", b"one\n", is_seed=True)
    assert custody.write_boot_files(kept.folders, node, [seed]) == ["/etc/seed"]
    assert custody.write_boot_files(kept.folders, node, [custody.BootFile("/etc/seed", b"two\n", is_seed=True)]) == []
    (root / "etc/motd").unlink()
    assert custody.write_boot_files(kept.folders, node, [custody.BootFile("/etc/motd", b"two\n")]) == ["/etc/motd"]
