"""Each rule has one bad spec under bad/, laid over the sample, and reports exactly what expected.txt says."""

import shutil
from pathlib import Path

import pytest

from dcops.core.errors import SpecError
from dcops.inventory import load

BAD = Path(__file__).parent / "bad"
RULES = sorted(path.name for path in BAD.iterdir())


def problems(root: Path, rule: str) -> list[str]:
    for path in (BAD / rule).glob("*.yml"):
        shutil.copy(path, root / path.name)
    with pytest.raises(SpecError) as caught:
        load(root)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("rule", RULES)
def test_bad_spec_gives_exactly_its_message(rule: str, sample_root: Path) -> None:
    assert problems(sample_root, rule) == (BAD / rule / "expected.txt").read_text().splitlines()


def test_every_problem_of_every_file_is_reported_at_once(sample_root: Path) -> None:
    rules = ["missing-field", "duplicate-address", "gateway-outside", "application-cycle", "dns-name-two-targets"]
    wanted: set[str] = set()
    for rule in rules:
        shutil.copy(BAD / rule / "extra.yml", sample_root / f"{rule}.yml")
        lines = (BAD / rule / "expected.txt").read_text().splitlines()
        wanted |= {line.replace("sample/extra.yml", f"sample/{rule}.yml") for line in lines}
    with pytest.raises(SpecError) as caught:
        load(sample_root)
    assert wanted <= {str(problem) for problem in caught.value.problems}
    assert caught.value.exit_code == 3


def test_one_broken_item_makes_no_errors_elsewhere(sample_root: Path) -> None:
    """A device with a typing error is still there for those that refer to it."""
    text = (sample_root / "devices.yml").read_text()
    (sample_root / "devices.yml").write_text(text.replace("    serial: S2\n", "    seriall: S2\n"))
    with pytest.raises(SpecError) as caught:
        load(sample_root)
    assert [problem.message for problem in caught.value.problems] == ['unknown key "seriall"']


def test_a_secret_in_the_place_of_a_reference_is_not_repeated(sample_root: Path) -> None:
    canary = "hunter2-canary"
    text = (sample_root / "people.yml").read_text()
    (sample_root / "people.yml").write_text(text.replace('secret: "file:root"', f"secret: [{canary}]"))
    with pytest.raises(SpecError) as caught:
        load(sample_root)
    assert canary not in str(caught.value)


def test_a_folder_called_like_a_file_is_a_problem_and_no_crash(sample_root: Path) -> None:
    (sample_root / "backup" / "x.yml").mkdir(parents=True)
    assert load(sample_root).revision
    (sample_root / "zz.yml").mkdir()
    with pytest.raises(SpecError, match=r"zz\.yml: cannot read: Is a directory"):
        load(sample_root)
