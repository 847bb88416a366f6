"""Joins bundles and time-stamp authorities: the inventory's are asked in its order, and what they answer is checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dcops.core.errors import DcopsError
from dcops.core.files import read_text
from dcops.core.settings import Settings
from dcops.drills.bundle import Opened, Seal, open_bundle, seal_bundle
from dcops.drills.evidence import check_content
from dcops.drills.seal import Sealed, Trust, judge_seal
from dcops.inventory import Inventory, load
from dcops.inventory.model import TimeStampAuthority
from dcops.records.httpx2_tsa import fetch_stamp
from dcops.records.ports import Signer
from dcops.records.timestamp import ask, check_issuer, read_answer


@dataclass(frozen=True)
class Written:
    """A whole bundle, checked as a stranger would, with what was found of its time stamp.

    Attributes:
        gap: why no authority sealed it although the inventory names one, one line; empty otherwise.
        error: the last authority's, None when one sealed it or there is none.
    """

    data: bytes
    page: Seal
    sealed: Sealed
    gap: str = ""
    error: DcopsError | None = None


def write_sealed(
    content: Mapping[str, bytes], page: Seal, signer: Signer, authorities: Iterable[TimeStampAuthority]
) -> Written:
    """Return a bundle sealed by the first authority that answers as it must, else an unsealed one and why.

    Raises JournalInvalid when the content itself does not agree: a bundle that would not verify is not handed out.
    """
    gaps: list[str] = []
    last: DcopsError | None = None
    for authority in authorities:
        named = replace(page, time_stamp=authority.stamp_class.value, authority=authority.name)
        try:
            data = seal_bundle(content, named, signer, partial(_asked, authority))
            return _checked(data, Trust(authority.certificate, authority.stamp_class.value))
        except DcopsError as error:
            last = error
            gaps.append(f"{authority.name}: {error}")
    written = _checked(seal_bundle(content, page, signer), None)
    return replace(written, gap="; ".join(gaps), error=last)


def _checked(data: bytes, trust: Trust | None) -> Written:
    opened = open_bundle(data)
    told = check_content(opened)
    return Written(data, opened.seal, judge_seal(opened, told.envelope.at, trust, None))


def _asked(authority: TimeStampAuthority, data: bytes) -> bytes:
    """Return an authority's answer over `data`: to this request, granted, and its own."""
    question = ask(data)
    answer = fetch_stamp(authority.url, question.der)
    read_answer(answer, data, where=authority.url, nonce=question.nonce)
    check_issuer(answer, data, authority.certificate, where=authority.url)
    return answer


def check_seal(
    settings: Settings, opened: Opened, ended: str, *, certificate: Path | None, inventory: str, is_named: bool
) -> Sealed:
    """Return what a bundle's time stamp is worth by the given certificate file, else by the inventory's authority.

    The inventory also says how soon the stamp must come. One that was not named counts only when it is of the bundle's
    own environment, and may be missing altogether.
    """
    environment = opened.seal.environment
    is_needed = opened.seal.is_stamped
    found = _inventory_for(settings, inventory, environment, is_named=is_named) if is_needed else None
    within = found.policy.continuity.evidence_sealed_within if found else None
    return judge_seal(opened, ended, _trust(opened, certificate, found), within.value if within else None)


def _trust(opened: Opened, certificate: Path | None, inventory: Inventory | None) -> Trust | None:
    if certificate is not None:
        return Trust(read_text(certificate))
    known = inventory.time_stamp_authorities.get(opened.seal.authority) if inventory else None
    return Trust(known.certificate, known.stamp_class.value) if known else None


def _inventory_for(settings: Settings, name: str, environment: str, *, is_named: bool) -> Inventory | None:
    try:
        found = load(settings.inventory_root(name))
    except DcopsError:
        if is_named:
            raise
        return None
    return found if is_named or found.environment.value == environment else None
