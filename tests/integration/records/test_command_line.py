"""`dcops records` as users call it, on a real journal, with real SSH keys, openssl and a loopback HTTP server."""

import hashlib
import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dcops.cli.main import run
from dcops.records.sqlite import SqliteStore
from dcops.wiring.records import RECORDS_URL, open_journal
from tests.contract.records.writers import note
from tests.integration.records.processes import settings

ROOT = Path(__file__).parents[3]
PLAN = hashlib.sha256(b"a plan").hexdigest()


class Cli:
    """Calls the command line in this process and keeps what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str], state: Path) -> None:
        self._capsys, self.state = capsys, state
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        self._capsys.readouterr()
        code = run(["records", *arguments])
        self.out, self.err = self._capsys.readouterr()
        return code

    def json(self, *arguments: str, code: int = 0) -> Any:
        assert self(*arguments, "--json") == code, self.out + self.err
        return json.loads(self.out)

    def write(self, count: int = 3) -> None:
        journal = open_journal(settings(self.state), None, "twin", journal="jkt-ops1")
        for number in range(count):
            note(journal, number)

    def sql(self, statement: str) -> None:
        store = SqliteStore(self.state / "records" / "journal.db")
        with store.engine.begin() as connection:
            for name in ("records_no_update", "records_no_delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
            connection.exec_driver_sql(statement)
        store.close()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    state = tmp_path / "state"
    for name, value in {"DCOPS_HOME": ROOT, "DCOPS_STATE": state, "DCOPS_IDENTITY": tmp_path / "none"}.items():
        monkeypatch.setenv(name, str(value))
    for name in (RECORDS_URL, "DCOPS_SECRETS", "DCOPS_INVENTORY"):
        monkeypatch.delenv(name, raising=False)
    found = Cli(capsys, state)
    assert found("keygen", "--journal", "jkt-ops1") == 0
    return found


def test_nothing_recorded_yet_is_said(cli: Cli) -> None:
    assert cli("list") == 1
    assert "there is no journal here" in cli.err
    assert cli.err.count("\n") == 1


def test_keygen_shows_the_same_key_again(cli: Cli) -> None:
    first = cli.json("keygen")
    assert first["journal"] == "jkt-ops1"
    assert cli.json("keygen")["key_id"] == first["key_id"]


def test_records_are_listed_and_shown(cli: Cli) -> None:
    cli.write()
    listed = cli.json("list", "--kind", "observation", "-n", "2")
    assert [record["seq"] for record in listed] == [4, 3]
    assert cli("list", "--since", "1h") == 0
    assert "jkt-ops1:4" in cli.out
    assert cli.json("list", "--until", "1h") == []
    shown = cli.json("show", "jkt-ops1:4")
    assert shown["payload"]["facts"] == {"number": 2}
    assert cli("show", "4", "--text") == 0
    assert hashlib.sha256(cli.out.encode()).hexdigest() == shown["seal"]["hash"]
    assert cli("show", "jkt-ops1:99") == 2
    assert cli("list", "--since", "yesterday") == 2
    assert "is no time" in cli.err


def test_verify_exits_0_30_and_31(cli: Cli, tmp_path: Path) -> None:
    cli.write()
    assert cli.json("verify")["status"] == "valid"
    heads = tmp_path / "heads.json"
    assert cli("head", "--out", str(heads), "-i", "lab") == 0
    assert cli.json("verify", "--anchor", str(heads))["anchored"]
    heads.write_text(json.dumps({**json.loads(heads.read_text()), "heads": []}))
    assert cli.json("verify", "--anchor", str(heads), code=31)["status"] == "unsealed"
    cli.sql("DELETE FROM records WHERE seq = 3")
    found = cli.json("verify", code=30)
    assert [(finding["seq"], finding["fault"]) for finding in found["findings"]] == [(4, "removed")]
    assert cli("verify") == 30
    assert "INVALID jkt-ops1:4: removed: record 3 before it is missing" in cli.out


def test_an_anchor_finds_the_cut_tail_from_a_file_and_from_a_url(cli: Cli, tmp_path: Path, server: str) -> None:
    cli.write()
    served = tmp_path / "served" / "heads.json"
    assert cli("head", "--out", str(served), "--place", "the other site", "-i", "lab") == 0
    assert cli.json("list", "--kind", "anchor")[0]["payload"]["place"] == "the other site"
    assert cli("verify", "--anchor", f"{server}/heads.json") == 0
    cli.sql("DELETE FROM records WHERE seq > 2")
    assert cli("verify") == 0
    for place in (str(served), f"{server}/heads.json"):
        found = cli.json("verify", "--anchor", place, code=30)
        assert [finding["fault"] for finding in found["findings"]] == ["cut"]


def test_a_journal_that_was_deleted_is_found_by_an_anchor(cli: Cli, tmp_path: Path) -> None:
    cli.write()
    heads = tmp_path / "heads.json"
    assert cli("head", "--out", str(heads), "-i", "lab") == 0
    for path in (cli.state / "records").glob("journal.db*"):
        path.unlink()
    assert cli("verify") == 1
    found = cli.json("verify", "--anchor", str(heads), code=30)
    assert [finding["fault"] for finding in found["findings"]] == ["removed", "cut"]


def test_an_anchor_that_cannot_be_had_is_an_error_not_a_pass(cli: Cli, tmp_path: Path, server: str) -> None:
    cli.write(1)
    assert cli("verify", "--anchor", f"{server}/nothing.json") == 1
    assert "HTTP 404" in cli.err
    assert cli("verify", "--anchor", "http://127.0.0.1:1/heads.json") == 5
    (tmp_path / "x.json").write_text("{}")
    assert cli("verify", "--anchor", str(tmp_path / "x.json")) == 1
    assert "this is no anchor" in cli.err
    assert cli("verify", "--anchor", str(tmp_path / "absent.json")) == 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def test_a_rotated_key_signs_what_follows(cli: Cli) -> None:
    cli.write(1)
    old = cli.json("keygen")["key_id"]
    new = cli.json("keygen", "--rotate", "--reason", "yearly", "-i", "lab")["key_id"]
    cli.write(1)
    assert new != old
    assert [record["seal"]["key_id"] for record in cli.json("list")] == [new, old, old, old]
    assert cli.json("verify")["findings"] == []


def recipe() -> str:
    """The program of the page docs/records.md that a stranger would copy."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/records.md").read_text(), re.DOTALL)
    return next(block for block in blocks if "openssl" in block)


def test_a_stranger_verifies_an_export_with_the_recipe_of_the_page(cli: Cli, tmp_path: Path) -> None:
    cli.write(3)
    assert cli("keygen", "--rotate", "-i", "lab") == 0
    cli.write(1)
    folder, program = tmp_path / "handed-over", tmp_path / "verify.py"
    assert cli.json("export", "--out", str(folder), "-i", "lab")["records"] == 6
    program.write_text(recipe())

    def stranger() -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-I", str(program), str(folder)]
        return subprocess.run(argv, text=True, capture_output=True, check=False)

    good = stranger()
    assert good.returncode == 0, good.stderr
    assert re.fullmatch(r"jkt-ops1: 6 records, head [0-9a-f]{64}, key \S{43}\n", good.stdout)
    lines = (folder / "records.jsonl").read_text().splitlines(keepends=True)
    forged = json.loads(lines[2])
    forged["text"] = forged["text"].replace('"number":1', '"number":7')
    forged["hash"] = hashlib.sha256(forged["text"].encode()).hexdigest()
    for damaged, message in (
        ([*lines[:2], *lines[3:]], "jkt-ops1:4: removed"),
        ([*lines[:2], lines[2].replace("observation", "observatiom"), *lines[3:]], "jkt-ops1:3: changed"),
        ([*lines[:2], json.dumps(forged) + "\n", *lines[3:]], "jkt-ops1:3: wrong signature"),
    ):
        (folder / "records.jsonl").write_text("".join(damaged))
        bad = stranger()
        assert bad.returncode == 1
        assert message in bad.stderr
        assert cli("verify", "--export", str(folder)) == 30


def test_an_export_is_verified_with_dcops_too(cli: Cli, tmp_path: Path) -> None:
    cli.write(2)
    folder = tmp_path / "out"
    assert cli("export", "--out", str(folder), "-i", "lab") == 0
    found = cli.json(
        "verify", "--export", str(folder), "--anchor", str(folder / "heads.json"), "--keys", str(folder / "keys.json")
    )
    assert (found["status"], found["notes"], found["records"]) == ("valid", [], 3)
    assert cli("export", "--out", str(folder), "-i", "lab") == 1
    assert "not empty" in cli.err
    assert cli("export", "--journal", "jkt-ops1") == 0
    assert cli.out == (folder / "records.jsonl").read_text()
    assert cli("export", "--journal", "nobody") == 2


def person(cli: Cli, name: str) -> Path:
    """Make a person's key where the lab's inventory looks for its public half."""
    secrets = cli.state / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(secrets / name)]
    subprocess.run(argv, check=True)
    return secrets / name


def test_two_people_approve_and_one_takes_it_back(cli: Cli) -> None:
    one, two = person(cli, "approver-1"), person(cli, "approver-2")
    asked = ("approvals", PLAN, "--people", "2", "--not-by", "operator-1", "-i", "lab")
    assert cli(*asked) == 40
    assert "0 of 2 approvals" in cli.err
    assert cli("approve", PLAN, "--person", "approver-1", "--key", str(one), "--valid", "8h", "-i", "lab") == 0
    assert cli("approve", PLAN, "--person", "approver-1", "--key", str(one), "-i", "lab") == 0
    assert cli(*asked) == 40  # the same person twice is one person
    assert cli("approve", PLAN, "--person", "approver-2", "--key", str(two), "-i", "lab") == 0
    assert cli.json(*asked)["approved_by"] == ["approver-1", "approver-2"]
    assert cli("approvals", PLAN, "--not-by", "approver-1", "--people", "2", "-i", "lab") == 40
    assert cli("approve", PLAN, "--person", "approver-2", "--key", str(two), "--reject", "-i", "lab") == 0
    assert cli(*asked) == 40
    assert cli("verify") == 0


def test_somebody_elses_key_approves_nothing(cli: Cli) -> None:
    person(cli, "approver-1")
    operator = person(cli, "operator-1")
    assert cli("approve", PLAN, "--person", "approver-1", "--key", str(operator), "-i", "lab") == 40
    assert "none of the person's keys" in cli.err
    assert cli("approve", PLAN, "--person", "operator-1", "--key", str(operator), "-i", "lab") == 0
    assert cli("approvals", PLAN, "-i", "lab") == 40  # an operator is no approver
    assert cli("approve", PLAN, "--person", "aprover-1", "--key", str(operator), "-i", "lab") == 2
    assert "Did you mean approver-1" in cli.err
    assert cli("approve", "not-a-hash", "--person", "approver-1", "--key", str(operator), "-i", "lab") == 2


def test_a_statement_signed_elsewhere_is_taken_and_another_use_of_the_key_is_not(cli: Cli, tmp_path: Path) -> None:
    key = person(cli, "approver-1")
    statement = tmp_path / "statement"
    assert cli("approve", PLAN, "--person", "approver-1", "--print", "-i", "lab") == 0
    statement.write_text(cli.out)
    take = ("approve", PLAN, "--person", "approver-1", "--statement", str(statement), "-i", "lab")
    for namespace, code in (("git", 40), ("dcops-approval", 0)):
        Path(f"{statement}.sig").unlink(missing_ok=True)
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key), str(statement)]
        subprocess.run(argv, check=True, capture_output=True)
        assert cli(*take, "--signature", f"{statement}.sig") == code
    assert cli("approvals", PLAN, "-i", "lab") == 0
    other = hashlib.sha256(b"another plan").hexdigest()
    again = ("approve", other, "--person", "approver-1", "--statement", str(statement), "-i", "lab")
    assert cli(*again, "--signature", f"{statement}.sig") == 2
    assert cli("approvals", other, "-i", "lab") == 40


def test_an_expired_approval_does_not_count(cli: Cli) -> None:
    key = person(cli, "approver-1")
    assert cli("approve", PLAN, "--person", "approver-1", "--key", str(key), "--valid", "1ms", "-i", "lab") == 0
    assert cli("approvals", PLAN, "-i", "lab") == 40


@pytest.mark.parametrize("valid", ["0s", "999999999999d", "soon"])
def test_a_validity_that_ends_at_once_or_never_is_wrong_usage(cli: Cli, valid: str) -> None:
    assert cli("approve", PLAN, "--person", "approver-1", "--print", "--valid", valid, "-i", "lab") == 2
    assert cli.out == ""


def test_a_statement_that_cannot_be_read_says_which(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    for name, words in (("odd", "not UTF-8"), ("absent", "No such file")):
        path = str(tmp_path / name)
        files = ("--statement", path, "--signature", path)
        assert cli("approve", PLAN, "--person", "approver-1", *files, "-i", "lab") == 1
        assert path in cli.err
        assert words in cli.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", f"jkt-ops1:{10**30}"),
        ("list", "--since", "999999999999d"),
        ("verify", "--journal", "jkt-osp1"),
        ("keygen", "--rotate", "--journal", "x", "-i", "lab"),
    ],
)
def test_what_is_not_there_or_cannot_be_is_wrong_usage(cli: Cli, arguments: tuple[str, ...]) -> None:
    cli.write()
    assert cli(*arguments) == 2
    assert cli.out == ""
    assert "Traceback" not in cli.err


def test_a_journal_with_a_key_and_no_record_is_noted(cli: Cli) -> None:
    cli.write()
    assert cli("keygen", "--journal", "empty") == 0
    assert any(text.startswith("empty: has a key") for text in cli.json("verify")["notes"])


def test_heads_can_be_had_from_a_journal_that_was_changed(cli: Cli) -> None:
    cli.write()
    cli.sql('UPDATE records SET text = \'"kind":"journal.\' WHERE seq = 2')
    assert cli("head", "-i", "lab") == 0
    assert cli("verify") == 30


def test_writing_verbs_have_no_default_inventory(cli: Cli) -> None:
    for arguments in (("head",), ("keygen", "--rotate"), ("approve", PLAN, "--person", "approver-1", "--print")):
        assert cli(*arguments) == 2
        assert "no default inventory" in cli.err


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom dcops.cli.main import run\nrun(['records', 'verify', '--help'])\n"
        "heavy = {'sqlalchemy', 'alembic', 'cryptography', 'psycopg', 'httpx2'} & set(sys.modules)\n"  # typer: pydantic
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Examples" in done.stdout


def test_every_verb_has_examples_and_the_page_names_it(cli: Cli) -> None:
    page = (ROOT / "docs/records.md").read_text()
    for verb in ("keygen", "list", "show", "verify", "head", "export", "approve", "approvals"):
        assert cli(verb, "--help") == 0
        assert "Examples" in cli.out, verb
        if verb != "list":
            assert f"records {verb}" in page, verb
