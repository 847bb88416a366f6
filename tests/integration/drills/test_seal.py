"""Time stamps over evidence by a real authority (`openssl ts`) on loopback, and everything it could get wrong."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from dcops.core.clock import parse_rfc3339, rfc3339
from dcops.core.errors import DcopsError, JournalInvalid, TimedOut, TransportError
from dcops.core.settings import Settings
from dcops.drills.bundle import SEAL, TOKEN, Opened, open_bundle, pack, seal_bundle, unpack
from dcops.drills.seal import SealState, Trust, judge_seal
from dcops.inventory.model import TimeStampAuthority
from dcops.records.httpx2_tsa import fetch_stamp
from dcops.records.key_files import FileSigner
from dcops.records.timestamp import ask, check_issuer, read_answer
from dcops.wiring.drills import journal_of, open_drills
from dcops.wiring.stamps import write_sealed
from tests.integration.drills.authority import Authority, Desk, open_desk
from tests.integration.drills.recorded import ROOT

SCRIPT = ROOT / "docs" / "verify-evidence.sh"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "a", "tsa of the test")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "b", "another tsa")


@pytest.fixture
def desk(authority: Authority) -> Iterator[Desk]:
    with open_desk(authority) as opened:
        yield opened


@pytest.fixture
def inventory(authority: Authority, desk: Desk, tmp_path: Path) -> Path:
    """The lab with an authority on this machine."""
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    root = tmp_path / "inventory" / "lab"
    declare(root, authority, desk.url)
    return root


def declare(root: Path, authority: Authority, url: str, kind: str = "independent") -> None:
    entry = {"url": url, "class": kind, "certificate": authority.root.read_text()}
    (root / "tsa.yml").write_text(json.dumps({"time_stamp_authorities": {"tsa-test": entry}}))


@pytest.fixture
def sealed(cli: Cli, run_id: str, inventory: Path, tmp_path: Path) -> Path:
    path = tmp_path / "sealed.tar"
    code, out, err = cli("build", run_id, "--out", str(path), "-i", str(inventory), "--json")
    assert (code, json.loads(out)["time_stamp"]) == (0, "independent"), out + err
    return path


def script(*arguments: Path) -> tuple[int, str]:
    done = subprocess.run(["sh", SCRIPT, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_sealed_bundle_verifies_elsewhere_with_public_key_and_root_alone(
    cli: Cli, sealed: Path, public: Path, authority: Authority, stranger: Authority, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("DCOPS_STATE", str(tmp_path / "elsewhere"))
    code, out, _ = cli("verify", str(sealed), "--key", str(public), "--tsa-cert", str(authority.root), "--json")
    found = json.loads(out)
    assert (code, found["seal"], found["time_stamp"], found["authority"]) == (0, "sealed", "independent", "tsa-test")
    assert -1 < found["seal_delay_seconds"] < 600  # this authority tells whole seconds
    code, out = script(sealed, public, authority.root)
    assert code == 0, out
    assert "VALID and sealed" in out
    assert "time-stamp class: independent" in out
    assert "GLADI / REHEARSAL" in out
    html = tmp_path / "r.html"
    assert cli("report", str(sealed), "--tsa-cert", str(authority.root), "--html", str(html), "--lang", "en")[0] == 0
    assert "independent: the word of an authority outside the ministry (tsa-test). checked:" in html.read_text()
    # without the root it is not believed, with another's it is invalid
    assert cli("verify", str(sealed), "--key", str(public))[0] == 31
    assert script(sealed, public)[0] == 31
    assert cli("verify", str(sealed), "--key", str(public), "--tsa-cert", str(stranger.root))[0] == 30
    assert script(sealed, public, stranger.root)[0] == 30


def test_the_inventory_is_the_other_way_by_which_the_root_comes(
    cli: Cli, sealed: Path, inventory: Path, authority: Authority, stranger: Authority, desk: Desk
) -> None:
    code, out, _ = cli("verify", str(sealed), "-i", str(inventory), "--json")
    assert (code, json.loads(out)["seal_within_seconds"]) == (0, 86400.0)
    policy = inventory / "policy.yml"
    policy.write_text(
        policy.read_text().replace("evidence_sealed_within: {value: 24h", "evidence_sealed_within: {value: 0s")
    )
    late = cli("verify", str(sealed), "-i", str(inventory))
    assert (late[0], "came late" in late[1]) in ((31, True), (0, False))  # a token has whole seconds
    declare(inventory, authority, desk.url, "self")
    code, _, err = cli("verify", str(sealed), "-i", str(inventory))
    assert (code, "the inventory says self" in err) == (30, True)
    declare(inventory, stranger, desk.url)
    assert cli("verify", str(sealed), "-i", str(inventory))[0] == 30


def test_a_token_that_came_late_does_not_seal(sealed: Path, authority: Authority) -> None:
    opened, trust = open_bundle(sealed.read_bytes()), Trust(authority.root.read_text())
    ended = parse_rfc3339(opened.seal.ended)
    earlier = rfc3339(ended - timedelta(hours=2))
    assert judge_seal(opened, earlier, trust, 3600).state is SealState.LATE
    assert judge_seal(opened, earlier, trust, 10800).state is SealState.SEALED
    assert judge_seal(opened, earlier, trust, None).state is SealState.SEALED
    with pytest.raises(JournalInvalid, match="before the run's end"):
        judge_seal(opened, rfc3339(ended + timedelta(hours=2)), trust, None)


def test_one_changed_byte_anywhere_in_what_seals_is_noticed(sealed: Path) -> None:
    """Every byte of token and stamp, of their headers and padding; the rest is flipped in tests of bundles as such."""
    data = sealed.read_bytes()
    start, end = data.index(TOKEN.encode() + b"\0"), data.index(b"about.json\0")
    assert end - start > 3000
    unnoticed = []
    for place in range(start, end):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        try:
            open_bundle(bytes(changed))
        except JournalInvalid:
            continue
        unnoticed.append(place)
    assert unnoticed == []


def test_the_script_notices_a_change_in_everything_that_seals(sealed: Path, public: Path, authority: Authority) -> None:
    members = unpack(sealed.read_bytes())
    for name in (SEAL, "SEAL.sig", "MANIFEST", TOKEN, "STAMP", "STAMP.sig"):
        value = members[name]
        sealed.write_bytes(pack({**members, name: value[:-1] + bytes([value[-1] ^ 1])}))
        assert script(sealed, public, authority.root)[0] == 30, name
        sealed.write_bytes(pack({other: kept for other, kept in members.items() if other != name}))
        assert script(sealed, public, authority.root)[0] == 30, name


def forged(opened: Opened, signer: FileSigner, token: bytes, **page: Any) -> bytes:
    """What a host that lies would sign."""
    content = {name: value for name, value in opened.content.items() if name != "key.pem"}
    return seal_bundle(content, replace(opened.seal, **page), signer, lambda _data: token)


def test_the_token_of_another_bundle_and_a_class_without_token_are_invalid(
    cli: Cli, sealed: Path, bundle: Path, public: Path, signer: FileSigner, authority: Authority
) -> None:
    opened, other = open_bundle(sealed.read_bytes()), open_bundle(bundle.read_bytes())
    replayed = forged(other, signer, opened.token, time_stamp="independent", authority="tsa-test")
    bundle.write_bytes(replayed)
    code, _, err = cli("verify", str(bundle), "--key", str(public), "--tsa-cert", str(authority.root))
    assert (code, "over something else" in err) == (30, True)
    assert script(bundle, public, authority.root)[0] == 30
    members = unpack(sealed.read_bytes())
    alone = {name: value for name, value in members.items() if name not in (TOKEN, "STAMP", "STAMP.sig")}
    with pytest.raises(JournalInvalid, match="another time-stamp class"):
        open_bundle(pack(alone))
    with pytest.raises(JournalInvalid, match="not written as the format says"):
        open_bundle(forged(opened, signer, opened.token, time_stamp="sworn"))
    plain = unpack(forged(opened, signer, b"", time_stamp="none", authority=""))
    assert b"time-stamp class: none" in plain[SEAL]
    with pytest.raises(JournalInvalid, match="another time-stamp class"):
        open_bundle(pack({**plain, TOKEN: opened.token}))


def test_a_certificate_that_is_not_for_time_stamps_is_invalid(authority: Authority) -> None:
    question = ask(b"page one")
    answer = authority.answer(question.der)
    right = authority.leaf.public_bytes(Encoding.DER)
    other = right[:1]
    while len(other) != len(right):  # a signature's length varies by a byte or two
        other = authority.certify(ExtendedKeyUsageOID.SERVER_AUTH).public_bytes(Encoding.DER)
    check_issuer(answer, b"page one", authority.root.read_text(), where="t")
    with pytest.raises(JournalInvalid, match="unsuitable certificate purpose"):
        check_issuer(answer.replace(right, other), b"page one", authority.root.read_text(), where="t")


def test_a_certificate_that_had_expired_at_the_tokens_time_is_invalid(tmp_path: Path) -> None:
    old = Authority(tmp_path / "old", "old tsa", days_left=-1)
    with pytest.raises(JournalInvalid, match="has expired"):
        check_issuer(old.answer(ask(b"page one").der), b"page one", old.root.read_text(), where="t")


def test_an_answer_to_another_request_is_refused(authority: Authority) -> None:
    first, second = ask(b"page one"), ask(b"page one")
    replayed = authority.answer(first.der)
    assert read_answer(replayed, b"page one", where="t", nonce=first.nonce).accuracy_seconds == 1.0
    with pytest.raises(JournalInvalid, match="answers another request"):
        read_answer(replayed, b"page one", where="t", nonce=second.nonce)
    with pytest.raises(JournalInvalid, match="over something else"):
        read_answer(replayed, b"page two", where="t", nonce=first.nonce)
    with pytest.raises(JournalInvalid, match="granted no time stamp"):
        read_answer(authority.answer(b"0\x03\x02\x01\x01"), b"page one", where="t")


@pytest.mark.parametrize(("lie", "message"), [
    ("busy", "HTTP 503"), ("html", "text/html"), ("long", "too long"), ("slow", "did not end within 1 s"),
])  # fmt: skip
def test_an_answer_that_is_none_is_refused_in_time(desk: Desk, lie: str, message: str) -> None:
    desk.lie = lie
    began = time.monotonic()
    with pytest.raises((TransportError, TimedOut), match=message):
        fetch_stamp(desk.url, ask(b"x").der, seconds=1)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("lie", "why"), [
    ("replay", "answers another request|over something else"), ("garbled", "cannot be read|not this authority's"),
    ("stranger", "not this authority's"), ("busy", "HTTP 503"),
])  # fmt: skip
def test_what_is_no_good_answer_seals_nothing_and_the_next_authority_is_asked(
    lie: str, why: str, desk: Desk, authority: Authority, stranger: Authority, bundle: Path, signer: FileSigner
) -> None:
    desk.lie, desk.replay = lie, authority.answer(ask(b"earlier").der) if lie == "replay" else b""
    desk.authority = stranger if lie == "stranger" else authority
    opened = open_bundle(bundle.read_bytes())
    content = {name: value for name, value in opened.content.items() if name != "key.pem"}
    first = TimeStampAuthority.model_validate(
        {"name": "first", "url": desk.url, "class": "independent", "certificate": authority.root.read_text()}
    )
    written = write_sealed(content, opened.seal, signer, [first])
    assert (written.page.is_stamped, written.sealed.state) == (False, SealState.NONE)
    assert re.search(why, written.gap), written.gap
    with open_desk(authority) as honest:
        second = first.model_copy(update={"name": "second", "url": honest.url})
        again = write_sealed(content, opened.seal, signer, [first, second])
    assert (again.page.authority, again.gap, again.sealed.state) == ("second", "", SealState.SEALED)


def test_with_a_dead_authority_the_bundle_is_built_with_a_gap_and_sealed_later(
    cli: Cli, settings: Settings, run_id: str, inventory: Path, desk: Desk, authority: Authority, tmp_path: Path
) -> None:
    declare(inventory, authority, "http://127.0.0.1:9/")
    path, named = tmp_path / "later.tar", ("-i", str(inventory))
    code, out, err = cli("build", run_id, "--out", str(path), *named, "--json")
    built = json.loads(out)
    assert (code, built["time_stamp"], built["gap"].startswith("tsa-test: ")) == (0, "none", True)
    assert "page: evidence of run" in err
    assert cli("verify", str(path), *named)[0] == 31
    before = path.read_bytes()
    assert cli("seal", str(path), *named)[0] == 5
    assert path.read_bytes() == before
    records = list(journal_of(open_drills(settings, str(inventory))).query(kind="drill.evidence"))
    assert [bool(each.payload["gap"]) for each in records[-2:]] == [True, True]

    declare(inventory, authority, desk.url)
    code, out, _ = cli("seal", run_id[-8:], *named, "--json")
    assert (code, json.loads(out)["time_stamp"]) == (0, "independent")
    assert cli("verify", str(path), *named)[0] == 0
    assert open_bundle(path.read_bytes()).content == open_bundle(before).content
    code, _, err = cli("seal", str(path), *named)
    assert (code, "has its time stamp" in err) == (2, True)


def test_sealing_needs_an_authority_and_the_key_that_signed(
    cli: Cli, bundle: Path, inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("seal", str(bundle), "-i", "lab")[0] == 2
    monkeypatch.setenv("DCOPS_STATE", str(tmp_path / "elsewhere"))
    code, _, err = cli("seal", str(bundle), "-i", str(inventory))
    assert (code, "another key" in err) == (30, True)


def test_a_root_that_is_none_is_an_error_of_its_own(sealed: Path, authority: Authority) -> None:
    opened = open_bundle(sealed.read_bytes())
    for pem in ("nothing", (authority.folder / "leaf.pem").read_text()):
        with pytest.raises(DcopsError, match=r"PEM|self-signed"):
            judge_seal(opened, opened.seal.ended, Trust(pem), None)
