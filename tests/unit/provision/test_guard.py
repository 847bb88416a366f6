"""A host is who its signed identity says, and nobody else."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dcops.provision.guard import strangers
from dcops.records.sign import SigningKey
from dcops.runs.identity import Identity, issue_identity

KEY, MACHINE = SigningKey.generate(), "0123456789abcdef" * 2


def identity(key: SigningKey = KEY, **fields: str) -> Identity:
    wanted = {"environment": "twin", "site": "jkt", "inventory": "lab", "node": "a", "machine_id": MACHINE, **fields}
    return issue_identity(key, at=datetime(2026, 11, 24, tzinfo=UTC), **wanted)  # type: ignore[arg-type]


def read(identity: Identity, machine_id: str = MACHINE) -> dict[str, Any]:
    return {"rc": 0, "stdout": f"{identity.model_dump_json(indent=2)}\n{machine_id}\r\n"}


def judged(result: dict[str, Any], issuer: str = KEY.public.pem) -> list[str]:
    return strangers(["a"], [result], ["twin"], ["lab"], issuer)


def test_the_enrolled_host_is_no_stranger() -> None:
    assert judged(read(identity())) == []


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"rc": 1, "stdout": ""}, "no identity"),
        ({"rc": 0, "stdout": "<html>"}, "cannot be read"),
        ({"rc": 0, "stdout": "{}"}, "cannot be read"),
        (read(identity(node="b")), "its identity says twin lab b"),
        (read(identity(environment="production")), "its identity says production lab a"),
        (read(identity(inventory="other")), "its identity says twin other a"),
        (read(identity(), machine_id="f" * 32), "issued for another machine"),
        (read(identity(), machine_id=""), "issued for another machine"),
        (read(identity(SigningKey.generate())), "not signed by the enrolling key"),
        (read(identity(node="b").model_copy(update={"node": "a"})), "not signed by the enrolling key"),
    ],
)
def test_a_host_that_is_another_is_named_with_why(result: dict[str, Any], why: str) -> None:
    found = judged(result)
    assert len(found) == 1
    assert found[0].startswith("a: ")
    assert why in found[0]


def test_without_the_enrolling_key_every_host_is_a_stranger() -> None:
    assert "enrolling key is not on this host" in judged(read(identity()), issuer="")[0]


def test_one_that_is_unreachable_is_left_to_the_plays_behind() -> None:
    found = [{"unreachable": True}, {"rc": 1}]
    assert strangers(["a", "b"], found, ["twin"] * 2, ["lab"] * 2, KEY.public.pem) == ["b: it has no identity"]
