"""A step for a person: asked once, answered by somebody who is kept, undecided when nobody answers."""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from dcops.core.errors import DcopsError, Interrupted
from dcops.core.words import Environment, Text
from dcops.drills.answers import (
    FILE,
    AnswerFile,
    TerminalToo,
    find_answer,
    open_questions,
    parse_line,
    write_answer,
)
from dcops.drills.context import DrillContext, inside
from dcops.drills.model import Finding, Scope
from dcops.drills.people import Answer
from dcops.drills.ports import People
from dcops.drills.service import draw
from dcops.runs.cancel import CancelToken
from dr_drills.actions.manual import TASK, Task

SCOPE = Scope.model_validate({"app": "a", "service": "naskah", "run_at": "drc", "from_site": "jkt", "to_site": "drc"})
TEXT = Text(id="Tutup tautan", en="Shut the links")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def given(step: str = "shut", *, done: bool = True, person: str = "", note: str = "") -> Answer:
    return Answer(step=step, is_done=done, note=note, person=person, actor="ani@drc-ops1", at=NOON)


class Events(list[tuple[str, dict[str, Any]]]):
    def event(self, name: str, /, **fields: Any) -> None:
        self.append((name, fields))


def ask(people: People, timeout: float = 5.0, token: CancelToken | None = None) -> Finding:
    absent = cast(Any, None)
    context = DrillContext(
        run_id="RUN", scope=SCOPE, environment=Environment.TWIN, faults=absent, hosts=absent, recovery=absent,
        databases=absent, routes=absent, web=absent, observer=absent, random=draw(7), token=token or CancelToken(),
        say=lambda _: None, people=people,
    )  # fmt: skip
    with inside("shut"):
        return cast(Finding, TASK.run(context, Task(role="network", text=TEXT, timeout=timeout)))


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def people(tmp_path: Path, events: Events) -> AnswerFile:
    return AnswerFile(tmp_path, "01M8AAAAAAAAAAAAAAAAAAAAAA", events.event, lambda _: None)


def test_an_answer_ends_the_step_and_says_who_gave_it(people: AnswerFile, tmp_path: Path, events: Events) -> None:
    timer = threading.Timer(0.3, write_answer, (tmp_path, given(person="operator-1", note="both shut")))
    timer.start()
    found = ask(people)
    timer.join()
    assert (found.is_ok, found.detail) == (True, "network: done, says operator-1 (ani@drc-ops1): both shut")
    assert found.facts["answered_at"] == "2026-11-24T12:00:00.000000Z"
    assert [(name, fields["role"], fields["text"]["id"]) for name, fields in events] == [
        ("person.asked", "network", "Tutup tautan")
    ]


def test_not_done_fails_and_silence_is_undecided(people: AnswerFile, tmp_path: Path) -> None:
    silent = ask(people, timeout=0.1)
    assert (silent.is_ok, silent.reason) == (None, "unanswered")
    assert silent.detail == "network did not answer within 0.10 s"
    write_answer(tmp_path, given(done=False, note="nobody there"))
    said = ask(people)
    assert (said.is_ok, said.reason) == (False, "not_done")


def test_an_answer_to_another_step_is_none_to_this(people: AnswerFile, tmp_path: Path) -> None:
    write_answer(tmp_path, given("other"))
    assert ask(people, timeout=0.1).reason == "unanswered"


def test_what_was_answered_before_is_not_asked_again(people: AnswerFile, tmp_path: Path, events: Events) -> None:
    write_answer(tmp_path, given())
    assert ask(people).is_ok
    assert events == []


def test_a_run_that_is_stopped_waits_no_longer(people: AnswerFile) -> None:
    token = CancelToken()
    threading.Timer(0.2, token.cancel, ("SIGTERM",)).start()
    with pytest.raises(Interrupted, match="SIGTERM"):
        ask(people, timeout=30, token=token)


def test_the_first_answer_counts_and_a_torn_line_does_not(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'{"step": "shut", "is_do\n')
    assert write_answer(tmp_path, given(note="first")).note == "first"
    assert write_answer(tmp_path, given(note="second", done=False)).note == "first"
    assert find_answer(tmp_path, "other") is None


@pytest.mark.parametrize(
    ("line", "said"),
    [("y", (True, "")), ("Ya sudah ditutup", (True, "sudah ditutup")), ("n no key\n", (False, "no key")), ("", None),
     ("perhaps", None)],
)  # fmt: skip
def test_what_is_typed_is_yes_or_no_or_asked_again(line: str, said: tuple[bool, str] | None) -> None:
    assert parse_line(line) == said


def test_a_terminal_answers_too_and_its_end_leaves_the_file(people: AnswerFile, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    told: list[str] = []
    with os.fdopen(reading) as stream:
        both = TerminalToo(people, lambda answer: write_answer(tmp_path, answer), "ani@here", told.append, stream)
        os.write(writing, b"what?\n")
        assert both.answer("shut") is None
        os.write(writing, b"n no key\n")
        found = both.answer("shut")
        assert found is not None
        assert (found.is_done, found.note, found.actor) == (False, "no key", "ani@here")
        os.close(writing)
        assert both.answer("next") is None
        write_answer(tmp_path, given("next"))
        assert both.answer("next") == given("next")
    assert [line.partition(":")[0] for line in told] == ["shut", "shut", "next"]


def test_one_question_at_a_time_stands_at_the_terminal(
    people: AnswerFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that wait side by side ask in turn; what is typed answers the question that was shown."""
    reading, writing = os.pipe()
    told: list[str] = []
    with os.fdopen(reading) as stream:
        both = TerminalToo(people, lambda answer: write_answer(tmp_path, answer), "ani@here", told.append, stream)
        for _ in range(2):
            assert both.answer("one") is None
            assert both.answer("two") is None
        assert [line.partition(":")[0] for line in told] == ["one"]
        os.write(writing, b"y\n")
        assert both.answer("two") is None
        assert both.answer("one") is not None
        assert both.answer("two") is None
        assert [line.partition(":")[0] for line in told] == ["one", "two"]
        monkeypatch.setattr("dcops.drills.answers._GIVEN_UP_SECONDS", 0.0)
        assert both.answer("three") is None, "nobody waits for two any more"
        assert told[-1].startswith("three")
        os.close(writing)


def test_an_answer_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(DcopsError, match="the answer cannot be kept: No such file"):
        write_answer(tmp_path / "gone", given())


def test_open_questions_are_those_whose_step_has_not_ended() -> None:
    asked = [("person.asked", {"id": name, "until_utc": "2026-11-24T12:00:00Z"}) for name in ("a", "b")]
    found = open_questions([*asked, ("step.ended", {"id": "a"})])
    assert [each["id"] for each in found] == ["b"]
