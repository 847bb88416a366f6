"""What is printed is what was given: nothing is read into it, nothing cut off."""

import io

import pytest

from dcops.cli.common import Out, confirm

ODD = "mac 02:ab:00:5e, 2001:db8:a:b::1, [/etc/hosts] [bold]x[/bold]"


def test_lines_notes_and_results_are_verbatim(capsys: pytest.CaptureFixture[str]) -> None:
    out = Out()
    out.line(ODD)
    out.result({}, ODD)
    out.note(ODD)
    with out.progress(ODD) as report:
        report(ODD)
    printed = capsys.readouterr()
    assert printed.out == f"{ODD}\n{ODD}\n"
    assert printed.err == f"{ODD}\n{ODD} ...\n{ODD}\n"


def test_cells_are_verbatim_and_never_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    wide = "w" * 500
    Out().table([(ODD, wide, None)], ("a", "b", "c"), title="[t]")
    title, _, row = capsys.readouterr().out.splitlines()
    assert title.strip() == "[t]"
    assert row.split("  ") == [ODD, wide, "-"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_question_is_no_result(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal("y\n"))
    confirm("Go?", yes=False)
    printed = capsys.readouterr()
    assert "Go?" in printed.err
    assert printed.out.strip() == ""
