"""`dcops kit` from a checkout of its own: git, the journal and the files are real; packages have a deep test."""

import io
import json
import shutil
import subprocess
import tarfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from dcops.cli.main import run
from dcops.core.files import write_atomic
from dcops.core.settings import Settings
from dcops.kit import seal
from dcops.records.sign import SigningKey
from dcops.runs.identity import require_identity
from dcops.wiring.kit import open_kits

ROOT = Path(__file__).parents[3]
PASSWORD = "sandi-pengulangan-91"


@dataclass(frozen=True)
class Done:
    """What a command printed."""

    stdout: str
    stderr: str


class Terminal(io.StringIO):
    """Standard input that a person sits at."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Place:
    """A checkout, secrets and state of one test module; commands run in this process, which is faster."""

    top: Path

    def dcops(self, *words: str, code: int = 0, stdin: io.StringIO | None = None) -> Done:
        out, log = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(log):
            for name, path in (
                ("HOME", "home"),
                ("SECRETS", "secrets"),
                ("STATE", "state"),
                ("IDENTITY", "id/id.json"),
            ):
                patch.setenv(f"DCOPS_{name}", str(self.top / path))
            patch.setattr("sys.stdin", stdin or io.StringIO())
            patch.setitem(seal._COST, "n", 16)
            found = run(list(words))
        done = Done(out.getvalue(), log.getvalue())
        assert found == code, f"{words}: {found}\n{done.stdout}\n{done.stderr}"
        assert PASSWORD not in done.stdout + done.stderr
        return done

    def kit(self, *words: str, code: int = 0, text: str = "") -> Done:
        return self.dcops("kit", *words, code=code, stdin=io.StringIO(text))


def git(home: Path, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@t.test", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", home, *who, *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    top = tmp_path_factory.mktemp("kit")
    home = top / "home"
    for name in ("inventory", "runbooks", "docs"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    git(top, "init", "-q", str(home))
    git(home, "add", "-A")
    git(home, "commit", "-q", "-m", "content")
    secrets = top / "secrets"
    secrets.mkdir(mode=0o700)
    settings = Settings(home, top / "state", secrets, top / "id" / "id.json")
    for each in open_kits(settings, "lab").wanted:
        (secrets / each.file).write_text(f"{PASSWORD} {each.file}\n")
        (secrets / each.file).chmod(0o644 if each.is_public else 0o600)
    (top / "known_hosts").write_text("jkt-db1 ssh-ed25519 AAAA\n")
    return Place(top)


@pytest.fixture(scope="module")
def built(place: Place) -> dict[str, object]:
    to = place.top / "out" / "kit.tar"
    done = place.kit("build", "-i", "lab", "--to", str(to), "--without-packages", "--threshold", "2", "--shares", "3",
                       "--yes", "--json")  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_build_is_recorded_without_a_secret_or_a_share(place: Place, built: dict[str, object]) -> None:
    text = place.dcops("records", "list", "--kind", "kit.built", "--json").stdout
    assert str(built["sha256"]) in text
    sheets = [Path(str(path)) for path in built["sheets"]]  # type: ignore[attr-defined]
    everything = b"".join(path.read_bytes() for path in (place.top / "state").rglob("*") if path.is_file())
    assert PASSWORD.encode() not in everything
    for sheet in sheets:
        assert sheet.stat().st_mode & 0o777 == 0o600
        rows = sheet.read_text().split("SHARE-----")[1].splitlines()[1:5]
        assert not any(row.encode() in everything or row.replace(" ", "").encode() in everything for row in rows)
    assert sorted(path.name for path in (place.top / "out").iterdir()) == ["kit.shares", "kit.tar"]


def test_today_is_held_against_the_kit_and_a_changed_secret_makes_it_outdated(
    place: Place, built: dict[str, object]
) -> None:
    kit = str(built["file"])
    found = json.loads(place.kit("verify", kit, "--json").stdout)
    assert {line["rule"]: line["status"] for line in found["lines"]} == {
        "signature": "pass", "age": "pass", "inventory": "pass", "secrets": "pass", "packages": "warn",
    }  # fmt: skip
    path = place.top / "secrets" / "restic-password"
    before = path.read_text()
    path.write_text("another\n")
    try:
        done = place.kit("verify", kit, code=14)
    finally:
        path.write_text(before)
    assert "changed since: restic-password" in done.stdout


def test_shares_open_it_into_a_private_folder_and_the_history_comes_along(
    place: Place, built: dict[str, object]
) -> None:
    kit, sheets = str(built["file"]), [str(path) for path in built["sheets"]]  # type: ignore[attr-defined]
    to = place.top / "opened"
    few = place.kit("open", kit, "--to", str(to), "--share", sheets[2], code=12)
    assert few.stderr.endswith("1 different shares are too few. 1 more of 3 needed; here: 3.\n")
    assert not to.exists()
    text = Path(sheets[2]).read_text() + Path(sheets[0]).read_text()
    place.kit("open", kit, "--to", str(to), text=text)
    assert to.stat().st_mode & 0o777 == 0o700
    assert (to / "secrets" / "restic-password").read_text() == f"{PASSWORD} restic-password\n"
    assert (to / "home/inventory/lab/inventory.yml").read_bytes() == (ROOT / "inventory/lab/inventory.yml").read_bytes()
    git(place.top, "clone", "-q", str(to / "content.bundle"), str(place.top / "clone"))
    assert (place.top / "clone" / "runbooks").is_dir()
    assert "<h1>" in (to / "pages" / "backup.html").read_text()
    again = place.kit("open", kit, "--to", str(to), "--share", sheets[0], "--share", sheets[1], code=7)
    assert "not empty" in again.stderr


def test_shares_are_proved_without_writing_a_secret(place: Place, built: dict[str, object]) -> None:
    kit, sheets = str(built["file"]), [str(path) for path in built["sheets"]]  # type: ignore[attr-defined]
    done = place.kit("verify", kit, "-i", "lab", "--shares", "--share", sheets[0], "--share", sheets[1], "--json")
    assert json.loads(done.stdout)["lines"][-1]["status"] == "pass"
    assert PASSWORD.encode() not in b"".join(p.read_bytes() for p in (place.top / "state").rglob("*") if p.is_file())


def test_a_changed_byte_is_found_with_the_exit_code_of_an_invalid_bundle(
    place: Place, built: dict[str, object]
) -> None:
    raw = bytearray(Path(str(built["file"])).read_bytes())
    raw[len(raw) // 2] ^= 1
    damaged = place.top / "damaged.tar"
    damaged.write_bytes(raw)
    done = place.kit("verify", str(damaged), "--archive-only", code=30)
    assert len(done.stderr.splitlines()) == 1


def test_content_that_is_not_committed_is_refused(place: Place) -> None:
    stray = place.top / "home" / "inventory" / "lab" / "stray.txt"
    stray.write_text("x")
    try:
        to = str(place.top / "refused")
        done = place.kit("build", "-i", "lab", "--to", to, "--without-packages", "--yes", code=7)
    finally:
        stray.unlink()
    assert "stray.txt" in done.stderr
    assert not list(place.top.glob("refused/*"))


def test_a_kit_without_the_key_of_the_repository_is_refused(place: Place) -> None:
    path = place.top / "secrets" / "restic-http-drc"
    kept = path.read_text()
    path.unlink()
    try:
        to = str(place.top / "refused")
        done = place.kit("build", "-i", "lab", "--to", to, "--without-packages", "--yes", code=7)
    finally:
        path.write_text(kept)
        path.chmod(0o600)
    assert "file:restic-http-drc is not here" in done.stderr


def test_an_opened_kit_enrols_a_machine_once(place: Place, built: dict[str, object]) -> None:
    key = place.top / "secrets" / "identity.key"
    assert key.read_text() == PASSWORD + " identity.key\n"
    folder = place.top / "to enrol"
    (folder / "secrets").mkdir(parents=True)
    assert "no opened kit" in place.kit("enrol", str(folder), "--as", "drc-ops1", code=2).stderr
    shutil.copytree(place.top / "home", folder / "home")
    with tarfile.open(str(built["file"])) as tar:
        tar.extract("about.json", folder)
    signing = SigningKey.generate()
    write_atomic(folder / "secrets" / "identity.key", signing.to_pem(), 0o600)
    assert "Did you mean" in place.kit("enrol", str(folder), "--as", "drc-ops2", code=2).stderr
    found = json.loads(place.kit("enrol", str(folder), "--as", "drc-ops1", "--json").stdout)
    assert (found["node"], found["site"], found["environment"]) == ("drc-ops1", "drc", "twin")
    path = place.top / "id" / "id.json"
    assert require_identity(path, environment="twin", inventory="lab").issuer == signing.key_id
    assert "an identity already" in place.kit("enrol", str(folder), "--as", "drc-ops1", code=7).stderr


def test_people_type_their_shares_and_a_mistyped_row_is_asked_again(
    place: Place, built: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets = [Path(str(path)).read_text().split("SHARE-----")[1].splitlines()[1:5] for path in built["sheets"]]  # type: ignore[attr-defined]
    wrong = sheets[0][1].replace(sheets[0][1][0], "Z" if sheets[0][1][0] != "Z" else "Y", 1)
    typed = [sheets[0][0], wrong, *sheets[0][1:], *sheets[2]]
    asked = []

    def prompt(text: str, *, hide_input: bool, err: bool) -> str:
        asked.append((text, hide_input, err))
        return typed[len(asked) - 1]

    monkeypatch.setattr("typer.prompt", prompt)
    to = place.top / "typed"
    done = place.dcops("kit", "open", str(built["file"]), "--to", str(to), stdin=Terminal())
    assert (to / "secrets" / "restic-password").is_file()
    assert "share typed 1: row 2 is mistyped" in done.stderr
    assert len(asked) == 9
    assert all(hidden and err for _, hidden, err in asked)
    assert asked[8][0] == "2 shares are needed, this is number 2; row 4"
