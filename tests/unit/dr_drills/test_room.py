"""How full a device is, by its own df; an answer that is none decides nothing."""

from typing import Any, cast

import pytest

from dcops.drills.context import DrillContext
from dr_drills.probes.targets import DISK_FREE, Room


class Hosts:
    """One device and what its df says."""

    def __init__(self, told: str) -> None:
        self.told = told

    def run(self, device: str, argv: list[str], **_: Any) -> str:
        assert argv[-1] == "/var/lib"
        return self.told


@pytest.mark.parametrize(
    ("told", "is_ok", "reason"),
    [
        ("   1B-blocks      Avail\n1000000000  200000000\n", True, ""),
        ("   1B-blocks      Avail\n1000000000   99999999\n", False, "disk_full"),
        ("   1B-blocks      Avail\n         0          0\n", None, "unread"),
        ("df: /var/lib: Input/output error\n", None, "unread"),
        ("", None, "unread"),
    ],
)
def test_a_tenth_must_be_free(told: str, is_ok: bool | None, reason: str) -> None:
    context = cast(DrillContext, type("C", (), {"hosts": Hosts(told)})())
    found = DISK_FREE.run(context, Room(device="drc-db1", path="/var/lib", at_least=0.1))
    assert (found.is_ok, found.reason) == (is_ok, reason)
