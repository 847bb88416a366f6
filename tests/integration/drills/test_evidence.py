"""`dcops drill evidence` on a real journal, and the shell script beside the documentation with the real openssl."""

import gzip
import hashlib
import json
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dcops.core.errors import JournalInvalid
from dcops.core.settings import Settings
from dcops.drills.bundle import Opened, open_bundle, pack, seal_bundle, unpack
from dcops.drills.evidence import RECORDS, RESULT, SCENARIO, STEPS, check_content
from dcops.records.key_files import FileSigner
from dcops.records.sign import PublicKey
from tests.integration.drills.recorded import DRILL, ROOT

SCRIPT = ROOT / "docs" / "verify-evidence.sh"


def script(bundle: Path, key: Path) -> tuple[int, str]:
    done = subprocess.run(["sh", SCRIPT, bundle, key], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def resealed(opened: Opened, signer: FileSigner, **changed: bytes | None) -> bytes:
    """What a host that lies would sign."""
    names = {"records": RECORDS, "result": RESULT, "steps": STEPS, "scenario": SCENARIO}
    content = {**opened.content, **{names[name]: value for name, value in changed.items() if value is not None}}
    return seal_bundle(content, opened.seal, signer)


def test_a_bundle_is_valid_and_unsealed_and_says_who_vouches_for_its_key(cli: Any, bundle: Path, public: Path) -> None:
    code, out, _ = cli("verify", str(bundle))
    assert code == 31
    assert "GLADI / REHEARSAL" in out
    assert "unsealed: no time stamp" in out
    code, out, _ = cli("verify", str(bundle), "--key", str(public), "--json")
    found = json.loads(out)
    assert (code, found["is_valid"], found["voucher"], found["time_stamp"]) == (31, True, "given", "none")
    assert found["verdict"] == "PASS"


def test_elsewhere_without_a_key_it_is_valid_but_not_trusted(
    cli: Any, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DCOPS_STATE", str(tmp_path / "elsewhere"))
    code, out, _ = cli("verify", str(bundle))
    assert code == 31
    assert "NOT TRUSTED" in out
    assert not (tmp_path / "elsewhere").exists()


def test_it_holds_what_the_run_did_and_the_facts_only_as_hash(bundle: Path, settings: Settings) -> None:
    content = open_bundle(bundle.read_bytes()).content
    rows = [json.loads(line) for line in content[RECORDS].splitlines()]
    kinds = [json.loads(row["text"])["kind"] for row in rows]
    assert kinds == ["run.started", "drill.result", "run.finished"]  # not those of others around it
    scenario = (settings.home / "dr_drills" / "scenarios" / f"{DRILL}.yml").read_bytes()
    assert content[SCENARIO] == scenario
    steps = json.loads(content[STEPS])
    assert steps[0]["facts_sha256"] == hashlib.sha256(b'{"name":"Sri"}').hexdigest()
    assert steps[1]["facts_sha256"] is None
    assert not any(b"Sri" in value for value in content.values())
    assert json.loads(content[RESULT])["deviations"] == [
        "recover start: skipped: ", "target rto: proposed, not adopted"
    ]  # fmt: skip


def test_one_changed_byte_anywhere_is_noticed(bundle: Path) -> None:
    data = bundle.read_bytes()
    places = random.Random(5).sample(range(len(data)), 2000)
    unnoticed = []
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        try:
            open_bundle(bytes(changed))
        except JournalInvalid:
            continue
        unnoticed.append(place)
    assert unnoticed == []


def test_a_changed_bundle_ends_with_30_and_one_line(cli: Any, bundle: Path) -> None:
    data = bytearray(bundle.read_bytes())
    data[data.index(b"PASS")] ^= 1
    bundle.write_bytes(data)
    code, out, err = cli("verify", str(bundle))
    assert (code, out, len(err.splitlines())) == (30, "", 1)
    code, out, _ = cli("verify", str(bundle), "--json")
    assert (code, json.loads(out)["is_valid"]) == (30, False)


def test_another_key_ends_with_30(cli: Any, bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(PublicKey(bytes(range(32))).pem, encoding="ascii")
    assert cli("verify", str(bundle), "--key", str(other))[0] == 30
    assert script(bundle, other)[0] == 30


def test_a_signed_lie_disagrees_with_the_record(bundle: Path, signer: FileSigner) -> None:
    opened = open_bundle(bundle.read_bytes())
    better = opened.content[RESULT].replace(b"57.5", b"17.5")
    with pytest.raises(JournalInvalid, match=r"result\.json: it says something else"):
        check_content(open_bundle(resealed(opened, signer, result=better)))
    lines = opened.content[RECORDS].splitlines(keepends=True)
    with pytest.raises(JournalInvalid, match="does not follow"):
        check_content(open_bundle(resealed(opened, signer, records=lines[0] + lines[2])))
    with pytest.raises(JournalInvalid, match="stored hash"):
        check_content(open_bundle(resealed(opened, signer, records=opened.content[RECORDS].replace(b"57.5", b"17.5"))))
    with pytest.raises(JournalInvalid, match=r"scenario\.yml: it says something else"):
        check_content(open_bundle(resealed(opened, signer, scenario=b"changed: later\n")))
    steps = opened.content[STEPS].replace(b"skipped", b"ok")
    with pytest.raises(JournalInvalid, match=r"steps\.json: it says something else"):
        check_content(open_bundle(resealed(opened, signer, steps=steps)))
    page = replace(opened.seal, is_rehearsal=False)
    content = {name: value for name, value in opened.content.items() if name != "key.pem"}
    with pytest.raises(JournalInvalid, match="SEAL: it says something else"):
        check_content(open_bundle(seal_bundle(content, page, signer)))


def test_the_script_says_the_same_with_openssl_alone(bundle: Path, public: Path) -> None:
    code, out = script(bundle, public)
    assert code == 31, out
    assert "GLADI / REHEARSAL" in out
    assert "VALID, without a time stamp" in out


def test_the_script_notices_a_change_in_every_member(bundle: Path, public: Path) -> None:
    members = unpack(bundle.read_bytes())
    for name, value in members.items():
        bundle.write_bytes(pack({**members, name: bytes([value[0] ^ 1]) + value[1:]}))
        assert script(bundle, public)[0] == 30, name
        bundle.write_bytes(pack({other: kept for other, kept in members.items() if other != name}))
        assert script(bundle, public)[0] == 30, name
    bundle.write_bytes(pack({**members, "extra": b""}))
    assert script(bundle, public)[0] == 30


def test_the_script_unpacks_nothing_compressed(bundle: Path, public: Path) -> None:
    bundle.write_bytes(gzip.compress(bundle.read_bytes()))
    code, out = script(bundle, public)
    assert (code, "does not begin with SEAL" in out) == (30, True)


def test_the_script_unpacks_no_path(bundle: Path, public: Path, tmp_path: Path) -> None:
    evil = tmp_path / "folder"
    evil.mkdir()
    (evil / "a").write_text("x", encoding="ascii")
    subprocess.run(["tar", "-rf", bundle, "-C", tmp_path, "folder/a"], check=True)
    assert script(bundle, public)[0] == 30
    shutil.rmtree(evil)


def test_a_run_without_result_and_a_name_that_is_no_tar_are_wrong_usage(cli: Any, run_id: str, tmp_path: Path) -> None:
    assert cli("build", "ZZZZ", "--out", str(tmp_path / "x.tar"))[0] == 2
    assert cli("build", run_id, "--out", str(tmp_path / "x.zip"))[0] == 2
    assert list(tmp_path.iterdir()) == []
