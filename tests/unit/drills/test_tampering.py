"""What a control lets a real probe meet, and that nothing of it stays."""

import json
from collections.abc import Sequence
from typing import Any, cast

import pytest

from dcops.core.errors import Unreachable
from dcops.drills.context import DrillContext
from dcops.drills.model import Control, Finding
from dcops.drills.tampering import EMPTY_SHA256, tampering
from dr_drills.probes.service import HEALTHY, AtSite
from tests.unit.drills.test_service import POINT, World, service

GOOD = (200, json.dumps({"status": "ok", "site": "drc"}).encode())


class Answers:
    """A service with one answer, and a server that hashes two files."""

    def __init__(self, answer: tuple[int, bytes] | None = GOOD) -> None:
        self.answer, self.asked = answer, 0

    def get(self, service: str, path: str, **_: Any) -> tuple[int, bytes]:
        self.asked += 1
        if self.answer is None:
            raise Unreachable("no answer", where=service)
        return self.answer

    def run(self, device: str, argv: Sequence[str], **_: Any) -> str:
        return f"{'a' * 64}  /x/{'a' * 64}\n{'b' * 64}  /x/{'b' * 64}\n"

    def status(self, device: str, argv: Sequence[str]) -> int:
        return 3


def made(answers: Answers) -> DrillContext:
    context = service(World())[1]
    context.web, context.hosts, context.point = cast(Any, answers), cast(Any, answers), POINT
    return context


def control(tamper: str) -> Control:
    return Control.model_validate({"id": "c", "of": "v", "tamper": tamper, "expect": "e"})


def healthy(context: DrillContext) -> Finding:
    return HEALTHY.run(context, AtSite(path="/sehat", site="drc"))


def test_an_error_page_with_status_200_is_told_from_a_service_that_is_not_there() -> None:
    answers = Answers()
    context = made(answers)
    assert healthy(context).is_ok
    with tampering(context, control("error_page_200")):
        found = healthy(context)
    assert (found.is_ok, found.reason) == (False, "error_page")
    assert answers.asked == 2, "the real service was asked too"
    assert healthy(context).is_ok
    assert context.web is cast(Any, answers)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, b"<html>It works</html>"), "error_page"),
        ((200, b'{"status": "error"}'), "error_page"),
        ((200, b"[]"), "error_page"),
        ((503, b'{"status": "error", "reason": "database"}'), "not_served"),
        ((500, b"<html>Error</html>"), "not_served"),
        ((200, b'{"status": "ok", "site": "jkt"}'), "other_site"),
        (None, "not_served"),
    ],
)
def test_each_wrong_answer_has_its_reason(answer: tuple[int, bytes] | None, reason: str) -> None:
    found = healthy(made(Answers(answer)))
    assert (found.is_ok, found.reason) == (False, reason)


def test_a_control_on_a_service_that_is_not_there_shows_nothing() -> None:
    context = made(Answers(None))
    with tampering(context, control("error_page_200")):
        assert healthy(context).reason == "not_served"


def test_emptied_files_hash_to_nothing_and_the_rest_is_as_it_was() -> None:
    context = made(Answers())
    with tampering(context, control("empty_attachments")):
        told = context.hosts.run("app", ["sha256sum"])
        assert told == f"{EMPTY_SHA256}  /x/{'a' * 64}\n{EMPTY_SHA256}  /x/{'b' * 64}\n"
        assert context.hosts.status("app", ["true"]) == 3
        assert context.point == POINT
    assert context.hosts.run("app", ["sha256sum"]).startswith("a" * 64)


def test_a_probe_that_breaks_leaves_no_trace() -> None:
    context = made(Answers())
    seen: list[bool] = []

    def breaks() -> None:
        with tampering(context, control("one_row_more")):
            seen.append(context.point != POINT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    assert seen == [True]
    assert context.point == POINT
