"""What people answered a run: lines of a file in the run's folder, written by whoever answers, read by the run.

The file belongs to the run that was asked first; a process that takes the run over reads the same one, so nobody has to
answer twice. The first answer to a step counts.
"""

import json
import os
import select
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from dcops.core.clock import monotonic, rfc3339, utc_now
from dcops.core.errors import DcopsError
from dcops.drills.people import Answer, Question
from dcops.drills.ports import Say

FILE = "answers.jsonl"
_YES = frozenset({"y", "yes", "ya", "done", "selesai"})
_NO = frozenset({"n", "no", "tidak", "not-done"})
_POLL_SECONDS = 0.2
_GIVEN_UP_SECONDS = 3.0


def write_answer(folder: Path, answer: Answer) -> Answer:
    """Append an answer and give the one that counts: this one, or an earlier one to the same step.

    It is on disk when this returns. Raises DcopsError when it cannot be.
    """
    try:
        descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, b"\n" + answer.model_dump_json().encode() + b"\n")  # after a torn line too
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        hint = "Make room, and answer again."
        raise DcopsError(f"the answer cannot be kept: {error.strerror}", where=str(folder), hint=hint) from error
    kept = find_answer(folder, answer.step)
    if kept is None:  # a disk that filled up took a part of the line
        raise DcopsError("the answer was not kept whole", where=str(folder), hint="Make room, and answer again.")
    return kept


def read_answers(folder: Path) -> list[Answer]:
    """Give all answers in the order they were written; a torn last line is left out."""
    try:
        lines = (folder / FILE).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(Answer.model_validate(json.loads(line)))
        except ValueError:
            continue
    return found


def find_answer(folder: Path, step: str) -> Answer | None:
    """Give the first answer to a step, or None."""
    return next((each for each in read_answers(folder) if each.step == step), None)


def parse_line(line: str) -> tuple[bool, str] | None:
    """Give whether it is done and the note, of what a person typed; None when it says neither yes nor no."""
    word, _, note = line.strip().partition(" ")
    if word.lower() in _YES | _NO:
        return word.lower() in _YES, note.strip()
    return None


class AnswerFile:
    """People who answer by `dcops drill answer`, from any terminal of this host."""

    def __init__(self, folder: Path, run: str, event: Callable[..., Any], say: Say) -> None:
        self._folder, self._run, self._event, self._say = folder, run, event, say

    def ask(self, question: Question) -> None:
        """Say the question and keep it among the run's events."""
        self._event(
            "person.asked",
            id=question.step,
            role=question.role,
            text=question.text.model_dump(),
            until_utc=rfc3339(question.until),
        )
        self._say(f"{question.step}: {question.role}, please: {question.text.en} / {question.text.id}")
        self._say(f"{question.step}: answer with: dcops drill answer {self._run[-8:]} {question.step}")

    def answer(self, step: str) -> Answer | None:
        """Give the first answer in the file."""
        return find_answer(self._folder, step)


class TerminalToo:
    """The same people, and besides whoever sits at the terminal the drill was started from, one question at a time."""

    def __init__(
        self, others: AnswerFile, take: Callable[[Answer], Answer], actor: str, say: Say, stream: TextIO = sys.stdin
    ) -> None:
        self._others, self._take, self._actor, self._say, self._stream = others, take, actor, say, stream
        self._lock = threading.Lock()
        self._shown, self._polled = "", 0.0
        self._is_open = True

    def ask(self, question: Question) -> None:
        """Tell the question."""
        self._others.ask(question)

    def answer(self, step: str) -> Answer | None:
        """Give the first answer, from the file or typed here; a terminal that closes leaves the file."""
        found = self._others.answer(step)
        if found is not None or not self._is_open or not self._lock.acquire(blocking=False):
            return found
        try:
            return None if self._is_busy_with_another(step) else self._typed(step)
        finally:
            self._lock.release()

    def _is_busy_with_another(self, step: str) -> bool:
        """Whether another question stands at the terminal, unanswered and still waited for by its step."""
        if self._shown in ("", step) or self._others.answer(self._shown) is not None:
            return False
        return monotonic() - self._polled < _GIVEN_UP_SECONDS

    def _typed(self, step: str) -> Answer | None:
        self._polled = monotonic()
        if self._shown != step:
            self._shown = step
            self._say(f"{step}: or type here: y [note] when it is done, n [why] when it is not")
        if not select.select([self._stream], [], [], _POLL_SECONDS)[0]:
            return None
        line = self._stream.readline()
        if not line:
            self._is_open = False
            return None
        said = parse_line(line)
        if said is None:
            self._shown = ""
            return None
        return self._take(Answer(step=step, is_done=said[0], note=said[1], actor=self._actor, at=utc_now()))


def open_questions(events: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Give the questions of a run that no end of their step has closed, oldest first; events as (name, fields)."""
    found: dict[str, dict[str, Any]] = {}
    for name, fields in events:
        if name == "person.asked":
            found[str(fields["id"])] = fields
        elif name == "step.ended":
            found.pop(str(fields["id"]), None)
    return list(found.values())
