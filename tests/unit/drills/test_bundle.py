"""The container of evidence: one byte changed anywhere, or anything beside the one way of writing it, is noticed."""

import io
import tarfile
from dataclasses import replace

import pytest

from dcops.core.errors import JournalInvalid
from dcops.drills.bundle import KEY, LIMIT, MANIFEST, SEAL, Seal, open_bundle, pack, seal_bundle, unpack
from dcops.records.sign import SigningKey


class Key(SigningKey):
    """A signer as the journal has one."""

    @property
    def jwk(self) -> dict[str, str]:
        return self.public.jwk


SIGNER = Key(SigningKey.generate()._key)
PAGE = Seal(drill="d", run="R", environment="twin", is_rehearsal=True, verdict="PASS", manifest_sha256="")
CONTENT = {"a.json": b'{"a":1}', "empty": b"", "block": b"x" * 512}
BUNDLE = seal_bundle(CONTENT, PAGE, SIGNER)


def test_a_bundle_comes_back_and_the_same_content_gives_the_same_bytes() -> None:
    opened = open_bundle(BUNDLE, SIGNER.public)
    assert {name: opened.content[name] for name in CONTENT} == CONTENT
    assert opened.seal.text.splitlines()[1].startswith("GLADI / REHEARSAL")
    assert "time-stamp class: none" in opened.seal.text
    assert seal_bundle(dict(reversed(CONTENT.items())), PAGE, SIGNER) == BUNDLE


def test_every_single_byte_counts() -> None:
    unnoticed = []
    for place in range(len(BUNDLE)):
        changed = bytearray(BUNDLE)
        changed[place] ^= 1 << place % 8
        try:
            open_bundle(bytes(changed))
        except JournalInvalid:
            continue
        unnoticed.append(place)
    assert unnoticed == []


@pytest.mark.parametrize("length", [0, 1, 511, 512, len(BUNDLE) - 1024, len(BUNDLE) - 512, len(BUNDLE) - 1])
def test_a_cut_bundle_is_invalid(length: int) -> None:
    with pytest.raises(JournalInvalid):
        open_bundle(BUNDLE[:length])


@pytest.mark.parametrize("data", [BUNDLE + b"\0", BUNDLE + bytes(512), BUNDLE + b"x", b"\0" + BUNDLE, BUNDLE + BUNDLE])
def test_data_before_or_after_is_invalid(data: bytes) -> None:
    with pytest.raises(JournalInvalid):
        open_bundle(data)


def test_members_beside_the_manifest_or_twice_are_invalid() -> None:
    members = unpack(BUNDLE)
    with pytest.raises(JournalInvalid, match="the manifest does not list it"):
        open_bundle(pack({**members, "extra": b""}))
    with pytest.raises(JournalInvalid, match="the bundle lacks it"):
        open_bundle(pack({name: value for name, value in members.items() if name != "empty"}))
    with pytest.raises(JournalInvalid, match="taken twice"):
        unpack(pack({"a": b"1"})[:-1024] + pack({"a": b"1"}))
    for name in (SEAL, MANIFEST, KEY):
        with pytest.raises(JournalInvalid, match="missing"):
            open_bundle(pack({other: value for other, value in members.items() if other != name}))


@pytest.mark.parametrize("name", ["../a", "/a", "a/b", ".a", "a\nb", "-a", ""])
def test_no_name_leads_out_of_the_bundle(name: str) -> None:
    with pytest.raises(JournalInvalid):
        unpack(pack({name: b""}))


def test_other_ways_to_write_an_archive_are_invalid() -> None:
    for form, mode in ((tarfile.GNU_FORMAT, "w"), (tarfile.PAX_FORMAT, "w"), (tarfile.USTAR_FORMAT, "w:gz")):
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode=mode, format=form) as archive:  # type: ignore[call-overload]
            for name, value in unpack(BUNDLE).items():
                info = tarfile.TarInfo(name)
                info.size = len(value)
                archive.addfile(info, io.BytesIO(value))
        with pytest.raises(JournalInvalid):
            open_bundle(target.getvalue())
    link = pack({"a": b""}).replace(b" 0" + bytes(100) + b"ustar", b" 2" + bytes(100) + b"ustar")
    with pytest.raises(JournalInvalid):
        unpack(link)


def test_a_size_beyond_the_file_or_the_limit_is_invalid() -> None:
    with pytest.raises(JournalInvalid):
        unpack(BUNDLE.replace(b"00000000000\0", b"77777777777\0", 1))
    with pytest.raises(JournalInvalid, match="larger than 64 MiB"):
        unpack(bytes(LIMIT + 1))


def test_other_readers_read_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(BUNDLE)) as archive:
        assert archive.getnames()[:4] == ["SEAL", "SEAL.sig", "MANIFEST", "MANIFEST.sig"]
        member = archive.extractfile("a.json")
        assert member is not None
        assert member.read() == CONTENT["a.json"]


def test_another_key_is_invalid_and_so_is_a_bundle_signed_anew_by_a_stranger() -> None:
    stranger = Key(SigningKey.generate()._key)
    with pytest.raises(JournalInvalid, match="another key"):
        open_bundle(BUNDLE, stranger.public)
    again = seal_bundle(CONTENT, PAGE, stranger)
    assert open_bundle(again).key == stranger.public
    with pytest.raises(JournalInvalid, match="another key"):
        open_bundle(again, SIGNER.public)
    swapped = unpack(BUNDLE) | {KEY: stranger.public.pem.encode()}
    with pytest.raises(JournalInvalid, match="signature"):
        open_bundle(pack(swapped))


def test_page_one_of_another_bundle_is_invalid() -> None:
    other = unpack(seal_bundle({**CONTENT, "a.json": b"{}"}, PAGE, SIGNER))
    mixed = unpack(BUNDLE) | {name: other[name] for name in ("SEAL", "SEAL.sig")}
    with pytest.raises(JournalInvalid, match="another manifest"):
        open_bundle(pack(mixed))


def test_format_1_is_read_as_before() -> None:
    page = Seal(
        drill="d", run="R", environment="twin", is_rehearsal=True, verdict="PASS", manifest_sha256="", version=1
    )
    old = seal_bundle(CONTENT, page, SIGNER)
    assert unpack(old)[SEAL].startswith(b"dcops drill evidence 1\n")
    assert b"run ended" not in unpack(old)[SEAL]
    assert (open_bundle(old).seal.version, open_bundle(old).seal.is_stamped) == (1, False)
    stamped = replace(page, time_stamp="self", authority="a")
    with pytest.raises(JournalInvalid, match="not written as the format says"):
        open_bundle(seal_bundle(CONTENT, stamped, SIGNER, lambda data: data))
