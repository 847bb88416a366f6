"""A small kit, made of few bytes, with randomness that a test can repeat."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dcops.core.words import Environment, Value
from dcops.kit import seal
from dcops.kit.model import Built, Gap, InventoryFacts, RepositoryFacts, SecretItem
from dcops.kit.service import Material, Where, build_kit
from dcops.records.sign import SigningKey

KIT = "01KAT0Q2Z6V4N3W1M8B7C5NBK7"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CANARY = "kunci-rahasia-4711"


class Signer:
    """A signer over a key in memory."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key
        self.key_id = key.key_id
        self.jwk = key.public.jwk

    def sign(self, text: str) -> str:
        return self.key.sign(text)


def repeatable(seed: str) -> Callable[[int], bytes]:
    """Randomness that is the same for the same seed."""
    count = 0

    def random(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{seed} {count}".encode()).digest(size)

    return random


def facts(**changes: object) -> InventoryFacts:
    base = {
        "name": "lab", "environment": Environment.TWIN, "revision": "a" * 64, "devices": ("jkt-db1",),
        "applications": ("naskah",), "repositories": ("drc-bkp1-jkt",), "credentials": ("restic-password",),
    }  # fmt: skip
    return InventoryFacts.model_validate(base | changes)


REPOSITORY = RepositoryFacts(
    name="drc-bkp1-jkt", url="rest:https://drc-bkp1.drc.pmk.test:8000/jkt/", application="naskah",
    host="drc-bkp1.drc.pmk.test", addresses=("198.18.20.15",), logins={"drc": "drc"},
    secrets=("file:restic-password",), ca="file:ca.crt", sources=("jkt-db1",),
)  # fmt: skip
SECRETS = (
    SecretItem("restic-password", "file:restic-password", "restic-password", "key of the repository", CANARY),
    SecretItem("host key", "file:hosts/jkt-db1", "hosts/jkt-db1", "host key", "zweite\nzeile"),
)


def material(**changes: object) -> Material:
    fields: dict[str, object] = {
        "members": {"README.txt": b"read me\n", "wheels/a.whl": b"w" * 1000, "source.tar": b""},
        "secrets": SECRETS,
        "left_out": (Gap(name="approver-1", why="a person's own"),),
        "inventory": facts(),
        "repositories": (REPOSITORY,),
        "commit": "c" * 40,
        "dcops_version": "0.1.0",
        "debian": "trixie",
        "python": "3.13",
        "has_packages": True,
        "max_age": Value[float](value=7776000.0),
    }
    return Material(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fingerprints at a thousandth of their cost; what they really cost is looked at by a test of its own."""
    monkeypatch.setitem(seal._COST, "n", 16)


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def make(tmp_path: Path, key: SigningKey) -> Callable[..., Built]:
    """Build a kit in a folder of its own; `seed` makes another key and other shares."""

    def build(name: str = "kit", *, seed: str = "1", kit: str = KIT, threshold: int = 2, shares: int = 3,
              signer: SigningKey | None = None, **changes: object) -> Built:  # fmt: skip
        where = Where(kit, tmp_path / f"{name}.tar", tmp_path / f"{name}.shares")
        return build_kit(
            material(**changes), where, Signer(signer or key), repeatable(seed),
            threshold=threshold, shares=shares, now=NOW,
        )  # fmt: skip

    return build
