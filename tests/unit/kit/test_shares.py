"""A share as people see it: typed, mistyped, mixed, too few."""

import os
import random
from pathlib import Path

import pytest

from dcops.core.exitcodes import ExitCode
from dcops.kit.model import Share
from dcops.kit.parse import BadShare, check_row, read_share, read_shares, share_sha256, share_text
from dcops.kit.seal import SharesRefused
from dcops.kit.service import Kit, check_kit, prove_shares
from tests.unit.kit.conftest import CANARY, KIT

SHARE = Share(KIT, 3, 5, 4, bytes(range(14)), bytes(range(100, 132)))


def test_a_share_comes_back_from_its_text() -> None:
    text = share_text(SHARE)
    assert [len(row.split()) for row in text.splitlines()] == [8, 8, 8, 8]
    assert read_share(text) == SHARE
    assert read_share(text.lower().replace("0", "o").replace("1", "l").replace(" ", "-")) == SHARE
    assert read_share(f"page\n-----BEGIN SHARE-----\n{text}\n-----END SHARE-----\nkeep it") == SHARE


def test_every_single_mistyped_character_is_found_in_its_row() -> None:
    rows = share_text(SHARE).splitlines()
    for number, row in enumerate(rows, 1):
        for at, digit in enumerate(row):
            if digit == " ":
                continue
            other = "Z" if digit != "Z" else "Y"
            with pytest.raises(BadShare, match=f"row {number} is mistyped"):
                check_row(number, row[:at] + other + row[at + 1 :])


def test_exchanged_rows_and_groups_are_found() -> None:
    rows = share_text(SHARE).splitlines()
    with pytest.raises(BadShare, match="row 1 is mistyped"):
        read_share("\n".join([rows[1], rows[0], *rows[2:]]))
    first, second, *rest = rows[2].split()
    with pytest.raises(BadShare, match="row 3 is mistyped"):
        read_share("\n".join([*rows[:2], " ".join([second, first, *rest]), rows[3]]))


def test_rows_of_two_shares_do_not_make_one() -> None:
    other = Share(KIT, 3, 5, 5, bytes(range(14)), bytes(range(50, 82)))
    with pytest.raises(BadShare, match="the share is damaged"):
        read_share("\n".join(share_text(SHARE).splitlines()[:2] + share_text(other).splitlines()[2:]))


@pytest.mark.parametrize("text", ["", "hello", "U" * 128, share_text(SHARE)[:-1], share_text(SHARE) * 2])
def test_what_is_no_share_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(BadShare) as refused:
        read_share(text, where="sheet")
    assert str(refused.value).startswith("sheet: ")
    assert "\n" not in str(refused.value)
    assert not text.strip() or text[:8] not in str(refused.value)


def test_an_unknown_version_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcops.kit.parse._VERSION", 2)
    text = share_text(SHARE)
    monkeypatch.undo()
    with pytest.raises(BadShare, match="version 2"):
        read_share(text)


def test_several_sheets_in_one_text(make) -> None:  # type: ignore[no-untyped-def]
    built = make()
    text = "\n".join(path.read_text() for path in built.sheets)
    assert [share.index for share in read_shares(text, where="stdin")] == [1, 2, 3]
    with pytest.raises(BadShare, match="more than one"):
        read_share(text)


def test_no_print_of_a_share_shows_its_value() -> None:
    assert SHARE.value.hex() not in repr(SHARE)
    assert str(SHARE.value) not in repr(SHARE)


def brought(kit: Path, *sheets: Path) -> tuple[Kit, list[tuple[str, Share]]]:
    return check_kit(kit), [(path.name, read_share(path.read_text())) for path in sheets]


def refusal(kit: Path, *sheets: Path) -> str:
    found, shares = brought(kit, *sheets)
    with pytest.raises(SharesRefused) as refused:
        prove_shares(found, shares)
    assert refused.value.exit_code == ExitCode.WRONG_KEY
    return str(refused.value)


def test_every_pair_of_three_opens_and_a_third_harms_nothing(make) -> None:  # type: ignore[no-untyped-def]
    built = make()
    one, two, three = built.sheets
    for sheets in [(one, two), (one, three), (three, two), (one, two, three), (two, two, one)]:
        kit, shares = brought(built.path, *sheets)
        assert next(each.value for each in prove_shares(kit, shares)) == CANARY


def test_too_few_shares_say_how_many_more(make) -> None:  # type: ignore[no-untyped-def]
    built = make(threshold=3, shares=5)
    one, two, *_ = built.sheets
    assert "2 different shares are too few. 1 more of 5 needed; here: 1, 2." in refusal(built.path, one, two)
    assert "1 different shares are too few" in refusal(built.path, one, one, one)
    assert "0 different shares are too few" in refusal(built.path)


def test_a_share_of_another_kit_is_named(make) -> None:  # type: ignore[no-untyped-def]
    built, old = make(), make("old", seed="2", kit="01KAT0Q2Z6V4N3W1M8B7C5NBK8")
    said = refusal(built.path, built.sheets[0], old.sheets[1])
    assert said.startswith("share-2-of-3.txt: this share belongs to kit 01KAT0Q2Z6V4N3W1M8B7C5NBK8")


def test_a_share_that_was_made_up_is_found_before_anything_is_tried(make) -> None:  # type: ignore[no-untyped-def]
    built = make()
    kit, shares = brought(built.path, *built.sheets[:2])
    forged = Share(KIT, 2, 3, 2, kit.signer, random.Random(1).randbytes(32))
    with pytest.raises(SharesRefused, match="forged: share 2 is not the one that was handed out"):
        prove_shares(kit, [shares[0], ("forged", forged)])
    lowered = Share(KIT, 1, 3, 1, kit.signer, shares[0][1].value)
    with pytest.raises(SharesRefused, match="not the one that was handed out"):
        prove_shares(kit, [("lowered", lowered)])


def test_shares_refuse_a_kit_that_somebody_else_signed(make, key) -> None:  # type: ignore[no-untyped-def]
    """Whoever can replace the archive makes a kit of the same id, with shares of the same hash, and his own key."""
    from dcops.records.sign import SigningKey

    built = make()
    fake = make("fake", signer=SigningKey.generate())
    assert "signed by another key" in refusal(fake.path, *built.sheets[:2])


def test_hashes_of_shares_are_those_of_the_sheets(make) -> None:  # type: ignore[no-untyped-def]
    built = make()
    shares = [read_share(path.read_text()) for path in built.sheets]
    assert tuple(share_sha256(share_text(each)) for each in shares) == built.about.share_sha256


def test_real_randomness_is_asked_for_once_a_byte() -> None:
    from dcops.kit.seal import split_key

    asked = []

    def random_bytes(size: int) -> bytes:
        asked.append(size)
        return os.urandom(size)

    assert len(split_key(bytes(32), KIT, bytes(14), 3, 5, random_bytes)) == 5
    assert asked == [64]
