"""ansible-runner's events and playbook files -> model. Pure.

Source: ansible-runner, docs/intro.rst and `ansible_runner/display_callback/callback/awx_display.py` (event names and
`event_data`); seen with ansible-runner 2.4 and ansible-core 2.19.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dcops.provision.model import Difference, Event, Outcome, PlayStarted, Recap, TaskDone, TaskStarted

_OUTCOMES = {
    "runner_on_ok": Outcome.OK,
    "runner_on_failed": Outcome.FAILED,
    "runner_on_unreachable": Outcome.UNREACHABLE,
    "runner_on_skipped": Outcome.SKIPPED,
}
_RECAP = {
    "ok": Outcome.OK,
    "changed": Outcome.CHANGED,
    "failures": Outcome.FAILED,
    "dark": Outcome.UNREACHABLE,
    "skipped": Outcome.SKIPPED,
}
_MESSAGE_CHARACTERS = 600


def parse_event(raw: Mapping[str, Any]) -> Event | None:
    """Read one event; None for the kinds that say nothing here (loop items, retries, includes, chatter)."""
    kind, data = str(raw.get("event", "")), _mapping(raw.get("event_data"))
    if kind == "playbook_on_play_start":
        return PlayStarted(str(data.get("name") or data.get("play") or ""), str(data.get("pattern") or ""))
    if kind == "playbook_on_task_start":
        return TaskStarted(_task(data))
    if kind == "playbook_on_stats":
        return _recap(data)
    if kind in _OUTCOMES and data.get("host"):
        return _task_done(_OUTCOMES[kind], data)
    return None


def _task_done(outcome: Outcome, data: Mapping[str, Any]) -> TaskDone:
    result = _mapping(data.get("res"))
    if outcome is Outcome.OK and result.get("changed"):
        outcome = Outcome.CHANGED
    bad = outcome in (Outcome.FAILED, Outcome.UNREACHABLE)
    return TaskDone(
        host=str(data["host"]),
        task=_task(data),
        outcome=outcome,
        message=_message(result) if bad else "",
        changes=tuple(str(line) for line in _sequence(result.get("changes"))),
        differences=tuple(_differences(result)),
        is_ignored=bool(data.get("ignore_errors")),
        is_hidden=outcome is Outcome.OK and "censored" in result,
    )


def _task(data: Mapping[str, Any]) -> str:
    """Name a task, with its role in front as Ansible shows it."""
    name, role = str(data.get("task") or data.get("name") or ""), str(data.get("role") or "")
    return f"{role}: {name}" if role and not name.startswith(role) else name


def _message(result: Mapping[str, Any]) -> str:
    """Say why a task failed: its message, else the end of its error output."""
    if result.get("censored"):
        return "failed; the output is hidden because it may hold a secret"
    text = str(result.get("msg") or "").strip()
    detail = str(result.get("stderr") or result.get("module_stderr") or "").strip()
    if detail and detail not in text:
        text = f"{text}: {detail.splitlines()[-1]}" if text else detail.splitlines()[-1]
    return " ".join((text or "failed without a message").split())[:_MESSAGE_CHARACTERS]


def _differences(result: Mapping[str, Any]) -> list[Difference]:
    found = result.get("diff")
    entries = _sequence(found) if isinstance(found, list) else [found] if found else []
    return [
        Difference(
            str(entry.get("after_header") or entry.get("before_header") or ""),
            str(entry.get("before") or ""),
            str(entry.get("after") or ""),
        )
        for entry in map(_mapping, entries)
        if "before" in entry or "after" in entry
    ]


def _recap(data: Mapping[str, Any]) -> Recap:
    counts: dict[str, dict[Outcome, int]] = {}
    for name in _mapping(data.get("processed")):
        counts[str(name)] = {}
    for key, outcome in _RECAP.items():
        for host, number in _mapping(data.get(key)).items():
            counts.setdefault(str(host), {})[outcome] = int(number)
    return Recap(counts)


def parse_summary(text: str) -> str:
    """Give the first comment line of a playbook as its one-line help; empty when it starts otherwise."""
    first = text.lstrip().splitlines()[:1]
    return first[0].lstrip("# ").strip() if first and first[0].startswith("#") else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()
