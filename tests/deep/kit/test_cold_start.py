"""Drill 10: a bare machine, the recovery kit and the backup, and nothing else: not even a network.

The commands are those of runbooks/cold-start.md, taken from the page. restic, PostgreSQL, git, pip and apt are real;
the repository is a folder, as when its disk is carried to the machine.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcops.backup.ssh import SshTarget
from dcops.core.settings import Settings
from dcops.core.yaml import loads
from dcops.records.kinds.backup import Receipt
from dcops.wiring.kit import open_kits
from tests.deep.kit.bare import Bare
from tests.integration.backup.conftest import KEY, RUNS, SCHEMA, Cluster, House, fill

pytestmark = pytest.mark.deep

ROOT = Path(__file__).parents[3]
APPLICATION = "naskah_dinas_elektronik"
CARRIED = "/srv/copy"  # where the disk with the repository is on the bare machine
CONTENT = ("dcops", "dr_drills", "exporters", "inventory", "playbooks", "monitors", "runbooks", "docs", "requirements")
POLICY = f"""
application: {APPLICATION}
max_age: {{value: 26h}}
repository: {{name: carried, url: {CARRIED}, password: "file:restic-password"}}
database:
  id: database
  kind: postgresql
  device: jkt-db1
  database: naskah
  user: naskah
  password: "file:naskah-db-password"
  newest: {{table: surat, column: diterima_pada}}
  references: {{table: lampiran, column: sha256, owner: surat_id}}
files: {{id: attachments, kind: files_over_ssh, device: jkt-app1, path: /var/lib/naskah/lampiran}}
invariants:
  - {{id: letters_have_text, sql: "SELECT count(*) FROM surat WHERE btrim(isi) = ''", expect: 0}}
"""


@pytest.fixture(scope="module")
def top() -> Iterator[Path]:
    """A folder on disk: a bare machine and a kit are large."""
    folder = Path("/var/tmp") / f"dcops-cold-start-{os.getpid()}"
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def backup(top: Path, cluster: Cluster, ssh_server: SshTarget) -> tuple[House, Receipt]:
    """An application with one backup in a repository of its own."""
    with cluster.connect() as connection:
        connection.execute("CREATE DATABASE naskah_cold")
    with cluster.connect("naskah_cold") as connection:
        connection.execute(SCHEMA)
    (top / "house").mkdir()
    house = fill(House(top / "house", cluster, "naskah_cold", ssh_server, top / "house/lampiran"))
    restic = house.restic()
    service = house.service(restic, application=APPLICATION)
    receipt = service.run(house.writers(restic), RUNS[0], lambda _: None)
    assert receipt.status == "done"
    return house, receipt


@pytest.fixture(scope="module")
def home(top: Path) -> Path:
    """A checkout of what is here, as committed content, whose one policy is of the backup above."""
    home = top / "home"
    for name in CONTENT:
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", home)
    for path in (home / "inventory/lab/backup").glob("*.yml"):
        path.unlink()
    (home / f"inventory/lab/backup/{APPLICATION}.yml").write_text(POLICY)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "content"]):
        who = ["-c", "user.name=t", "-c", "user.email=t@t.test", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", home, *who, *words], check=True)
    return home


def build(top: Path, home: Path, *words: str) -> Path:
    """Build the kit of that checkout; the secrets are made up, but for the key of the repository."""
    secrets, state = top / "secrets", top / "state"
    secrets.mkdir(mode=0o700, exist_ok=True)
    for each in open_kits(Settings(home, state, secrets, top / "none.json"), "lab").wanted:
        path = secrets / each.file
        path.write_text(KEY if each.file == "restic-password" else f"not used {each.file}\n")
        path.chmod(0o600)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", secrets / "identity.key"], check=True)
    (top / "known_hosts").write_text("jkt-db1 ssh-ed25519 AAAA\n")
    environment = {
        **os.environ, "DCOPS_HOME": str(home), "DCOPS_SECRETS": str(secrets), "DCOPS_STATE": str(state),
        "DCOPS_IDENTITY": str(top / "none.json"),
    }  # fmt: skip
    kit = top / "kit.tar"
    argv = [sys.executable, "-m", "dcops", "kit", "build", "-i", "lab", "--to", str(kit), "--yes", *words]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return kit


def steps() -> list[str]:
    """The commands of the runbook, in order."""
    page = (ROOT / "runbooks/cold-start.md").read_text()
    return re.findall(r"^   `(.+)`$", page.partition("## Mitigation")[2].partition("## Verify")[0], re.MULTILINE)


def carry(bare: Bare, kit: Path, house: House) -> None:
    """Carry the archive, three sheets and the disk with the repository to the machine."""
    shutil.copy(kit, bare.root / "root/KIT.tar")
    sheets = sorted(kit.with_suffix(".shares").iterdir())
    (bare.root / "root/sheets").write_text("".join(sheets[at].read_text() for at in (0, 2, 4)))
    shutil.copytree(house.repository, bare.root / CARRIED[1:])


def script(commands: list[str]) -> str:
    """One shell for all steps; the sheets are given on standard input where people would type."""
    lines = ["set -eu"]
    for number, command in enumerate(commands, 1):
        lines += [f"echo '== {number}'", command.replace("--to /root/opened", "--to /root/opened </root/sheets")]
    return "\n".join([*lines, "echo '== end'", "cat /proc/net/dev"])


def test_a_bare_machine_recovers_with_kit_and_backup_alone(
    top: Path, home: Path, backup: tuple[House, Receipt]
) -> None:
    house, receipt = backup
    bare = Bare.made(top / "bare")
    assert not (bare.root / "usr/bin/python3").exists(), "the machine is not bare"
    carry(bare, build(top, home), house)
    recover(bare, receipt)


def recover(bare: Bare, receipt: Receipt) -> None:
    """Follow the runbook and hold what it says against the receipt."""
    done = bare.run("sh", "-c", script(steps()))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    said = dict(zip(*[iter(re.split(r"^== (\w+)\n", done.stdout, flags=re.MULTILINE)[1:])] * 2, strict=True))
    assert "installed: dcops" in said["2"]
    assert "opened: /root/opened" in said["3"]
    assert said["4"].startswith("enrolled: drc-ops1 at drc, inventory lab (twin)")
    assert receipt.run in said["6"]
    rows = sum(receipt.rows.values())
    assert f"dump and {receipt.file_count} of {receipt.file_count} files equal the manifest" in said["7"]
    assert f"{rows} rows in {len(receipt.rows)} tables (PostgreSQL" in said["7"]
    assert "1 invariants hold" in said["7"]
    assert "wiped" in said["7"]
    assert (bare.root / "root/restored").is_dir()
    interfaces = [line.partition(":")[0].strip() for line in said["end"].splitlines()[2:]]
    assert interfaces == ["lo"], "the machine had a network"
    records = bare.run("sh", "-c", ". /root/opened/env.sh && dcops records list --json")
    document = loads(records.stdout, "records")
    kinds = {each["kind"] for each in (document["records"] if isinstance(document, dict) else document)}
    assert {"enrolment", "backup.verification"} <= kinds
