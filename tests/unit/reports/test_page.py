"""Templates and catalogues: whatever a page can say is there in both languages, and nothing of it can break out."""

import ast
import re
from pathlib import Path

import pytest

import dcops.reports
from dcops.core.words import Environment, StampClass
from dcops.drills import model, page, page_timeline
from dcops.drills.seal import SealState
from dcops.reports.language import Language, keys_of, open_catalogue
from dcops.reports.page import css_string

REPORTS = Path(dcops.reports.__file__).parent
KEYS = keys_of("drill")


def test_every_text_is_there_in_both_languages_and_takes_the_same_values() -> None:
    for key in sorted(KEYS):
        texts = [open_catalogue("drill", language)._texts[key].in_language(language) for language in Language]
        assert all(text.strip() for text in texts), key
        assert len({frozenset(re.findall(r"{(\w+)}", text)) for text in texts}) == 1, key


def test_every_key_that_a_page_uses_is_there() -> None:
    used = set(re.findall(r'say\("([\w.-]+)"', (REPORTS / "templates" / "drill.html.j2").read_text()))
    for module in (page, page_timeline):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.fullmatch(r"[a-z]+\.[a-z_]+", node.value)
            ):
                used.add(node.value)
    used -= {"page.py"}
    assert used - KEYS == set()


@pytest.mark.parametrize(("part", "words"), [
    ("phase", model.Phase), ("state", model.StepState), ("verdict", model.Verdict), ("mark", model.MarkName),
    ("environment", Environment), ("stamp", StampClass), ("type", model.Body.model_fields["type"].annotation.__args__),
    ("standing", model.Target.model_fields["standing"].annotation.__args__),
])  # fmt: skip
def test_every_word_of_a_result_has_its_text(part: str, words: object) -> None:
    assert {f"{part}.{word}" for word in words} <= KEYS  # type: ignore[attr-defined]


def test_every_state_of_a_seal_has_its_text() -> None:
    assert {f"stamp.{state}" for state in SealState if state is not SealState.NONE} <= KEYS
    assert {f"verdict.{verdict}_why" for verdict in model.Verdict} <= KEYS
    assert {f"figure.{name}_how" for name, *_ in page._FIGURES} <= KEYS


def test_a_text_of_css_cannot_end_its_string_or_the_element() -> None:
    text = css_string('a"; } </style><script>\\')
    assert re.fullmatch(r'"[A-Za-z0-9 .,:/_\\-]*"', text)
    assert "</" not in text
    assert text.count('"') == 2
