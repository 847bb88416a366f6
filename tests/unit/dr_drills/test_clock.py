"""A clock is right, wrong, or not known; a slow answer never makes it right."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from dcops.core.errors import Unreachable
from dcops.drills.context import DrillContext
from dcops.drills.model import Figures, Finding, Mark, Phase, StepResult, StepState, Target, Verdict
from dcops.drills.verdict import conclude
from dr_drills.probes import clock
from dr_drills.probes.clock import AGREES, Clocks, Offset, measure

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
Says = Callable[[], str]


def ticking(*seconds: float) -> Callable[[], datetime]:
    left = iter(seconds)
    return lambda: NOON + timedelta(seconds=next(left))


@pytest.mark.parametrize(
    ("told", "offset"),
    [(0.5, 0.0), (3600.5, 3600.0), (-9.5, -10.0)],
)
def test_the_offset_is_from_the_middle_of_the_question(told: float, offset: float) -> None:
    found = measure(lambda: f"{NOON.timestamp() + told:.9f}\n", ticking(0.0, 1.0))
    assert found == Offset(seconds=offset, uncertainty=0.5)


def test_what_is_no_number_is_no_time() -> None:
    assert measure(lambda: "date: bad", ticking(0.0, 1.0)) is None


@pytest.mark.parametrize(
    ("seconds", "uncertainty", "verdict"),
    [(0.1, 0.2, True), (1.9, 0.2, None), (2.1, 0.2, None), (2.3, 0.2, False), (-60.0, 5.0, False), (0.0, 9.0, None)],
)
def test_it_is_sure_only_beyond_what_the_question_took(
    seconds: float, uncertainty: float, verdict: bool | None
) -> None:
    assert Offset(seconds=seconds, uncertainty=uncertainty).agrees(2.0) is verdict


class Hosts:
    """Servers and what their `date` says."""

    def __init__(self, says: Mapping[str, Says]) -> None:
        self.says, self.asked = says, 0

    def run(self, device: str, argv: Sequence[str], **_: Any) -> str:
        assert list(argv) == ["date", "+%s.%N"]
        self.asked += 1
        return self.says[device]()


def ahead(seconds: float) -> Says:
    return lambda: f"{datetime.now(UTC).timestamp() + seconds:.9f}"


def dead() -> str:
    raise Unreachable("no route")


def ask(says: Mapping[str, Says]) -> Finding:
    context = cast(DrillContext, type("C", (), {"hosts": Hosts(says)})())
    return AGREES.run(context, Clocks(devices=tuple(says)))


def test_clocks_that_agree_are_measured() -> None:
    found = ask({"drc-app1": ahead(0.2), "drc-db1": ahead(-0.3)})
    assert found.is_ok, found.detail
    offsets = cast(dict[str, float], found.facts["clock_offsets_seconds"])
    assert offsets["drc-app1"] == pytest.approx(0.2, abs=0.1)
    assert offsets["drc-db1"] == pytest.approx(-0.3, abs=0.1)


def test_one_false_clock_leaves_it_undecided_and_is_named() -> None:
    found = ask({"drc-app1": ahead(-3600), "drc-db1": ahead(0)})
    assert (found.is_ok, found.reason) == (None, "clock_off")
    assert found.detail.startswith("clocks off by more than 2 s: drc-app1 -3600.")
    assert "drc-db1" not in found.detail


@pytest.mark.parametrize("says", [dead, lambda: "Tue Nov 24"])
def test_a_clock_that_cannot_be_read_is_not_known(says: Says) -> None:
    found = ask({"drc-app1": says})
    assert (found.is_ok, found.reason) == (None, "clock_unknown")


def test_a_slow_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 9.0, 10.0, 10.2])
    monkeypatch.setattr(clock, "utc_now", None)
    hosts = Hosts({"drc-app1": lambda: f"{NOON.timestamp() + 10.1:.9f}"})
    monkeypatch.setattr(clock, "measure", lambda ask: measure(ask, lambda: NOON + timedelta(seconds=next(moments))))
    found = AGREES.run(cast(Any, type("C", (), {"hosts": hosts})()), Clocks(devices=("drc-app1",)))
    assert (found.is_ok, hosts.asked) == (True, 2)


def test_a_false_clock_makes_a_drill_inconclusive() -> None:
    mark = Mark(utc=NOON, monotonic=0.0)
    result = StepResult(phase=Phase.VERIFY, id="clocks", uses="clock.agrees", state=StepState.UNDECIDED,
                        detail="clocks off", started=mark, ended=mark)  # fmt: skip
    figures = Figures(rto_verified_seconds=1, rpo_seconds=1)
    targets = {name: Target(seconds=60, standing="adopted") for name in ("rto", "rpo")}
    assert conclude([result], figures, targets) == (Verdict.INCONCLUSIVE, ("verify clocks: clocks off",))
