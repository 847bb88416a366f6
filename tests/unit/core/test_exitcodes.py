import itertools

import pytest

from dcops.core import errors
from dcops.core.exitcodes import MEANINGS, PRECEDENCE, ExitCode, worst


def test_precedence_is_that_of_the_documented_table() -> None:
    for earlier, later in itertools.combinations(PRECEDENCE, 2):
        assert worst([later, earlier, later]) == earlier


def test_no_result_is_done_and_an_unknown_code_is_failure() -> None:
    assert worst([]) == 0
    assert worst([77]) == ExitCode.FAILED


def test_every_code_has_a_meaning_and_stands_in_the_precedence() -> None:
    assert set(MEANINGS) == set(ExitCode)
    assert set(PRECEDENCE) | {2, 3} == {int(code) for code in ExitCode}


def _tree(kind: type[errors.DcopsError]) -> list[type[errors.DcopsError]]:
    core = [kind] if kind.__module__ == errors.__name__ else []
    return [*core, *(deeper for child in kind.__subclasses__() for deeper in _tree(child))]


@pytest.mark.parametrize("kind", _tree(errors.DcopsError))
def test_every_error_stands_in_the_tree_of_the_docstring(kind: type[errors.DcopsError]) -> None:
    line = next(line for line in (errors.__doc__ or "").splitlines() if kind.__name__ in line.split())
    codes = [int(word) for word in line.split() if word.isdigit()]
    assert codes in ([], [int(kind.exit_code)])
