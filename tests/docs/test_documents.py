"""Documents agree with the program."""

import re
from pathlib import Path

from dcops.cli.table import NOUNS
from dcops.core.exitcodes import PRECEDENCE, ExitCode

ROOT = Path(__file__).resolve().parents[2]


def test_every_exit_code_stands_in_the_page_of_the_command_line() -> None:
    page = (ROOT / "docs/command-line.md").read_text()
    table = page.partition("## Exit codes")[2].partition("When a command")[0]
    listed = {int(n) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for n in row.split(",")}
    assert listed == {int(code) for code in ExitCode}


def test_the_precedence_stands_in_the_page() -> None:
    page = " ".join((ROOT / "docs/command-line.md").read_text().split())
    assert ", ".join(map(str, PRECEDENCE)) in page


def test_links_between_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("runbooks/*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_every_noun_is_a_module() -> None:
    for module, _ in NOUNS.values():
        assert (ROOT / (module.replace(".", "/") + ".py")).is_file(), module


def test_nothing_names_this_or_that_machine() -> None:
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("script/*"), *ROOT.glob("requirements/*")]:
        text = path.read_text()
        assert "/work/" not in text, path
        assert "pythonhosted" not in text, path
