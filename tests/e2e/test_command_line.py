"""The command line as a process: help costs nothing, mistakes get one line, codes are those of the table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("typer", "rich", "pydantic", "yaml", "sqlalchemy", "netmiko", "fastapi", "dcops.core", "dcops.cli.common")


def dcops(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "dcops", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **env},
    )


def test_help_imports_no_noun_and_nothing_heavy() -> None:
    script = (
        "import sys; from dcops.cli.main import run; run(['--help']); print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = done.stderr.split()
    assert [name for name in loaded if name.startswith(HEAVY)] == []
    assert "usage: dcops NOUN VERB" in done.stdout


def test_every_noun_shows_help_with_its_verbs() -> None:
    from dcops.cli.table import NOUNS

    for noun in NOUNS:
        done = dcops(noun, "--help")
        assert done.returncode == 0, (noun, done.stderr)
        assert f"dcops {noun}" in done.stdout


def test_an_unknown_noun_is_usage_with_a_suggestion() -> None:
    done = dcops("inventry", "list")
    assert done.returncode == 2
    assert "Did you mean inventory?" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_verb_and_option_are_usage_in_one_line() -> None:
    assert dcops("inventory", "list", "--jsn").stderr.count("\n") == 1
    assert dcops("inventory", "lst").returncode == 2
    assert dcops("inventory", "list", "--jsn").returncode == 2


def test_an_error_with_json_is_json() -> None:
    done = dcops("inventory", "list", "-i", "no-such-inventory", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["exit_code"] == 2


def test_an_unknown_noun_with_json_is_json() -> None:
    done = dcops("inventry", "list", "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["exit_code"] == 2
    assert "Did you mean inventory?" in error["hint"]


@pytest.mark.parametrize("arguments", [("inventory", "list", "--json"), ("inventory", "debt", "-i", "production")])
def test_a_reader_that_goes_away_is_no_error(arguments: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "dcops", *arguments]
    with os.fdopen(write, "w") as gone:
        done = subprocess.run(argv, stdout=gone, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0
    assert "Error" not in done.stderr


def test_a_path_that_cannot_be_written_says_which_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = dcops("records", "keygen", DCOPS_STATE=str(tmp_path / "file"), DCOPS_IDENTITY=str(tmp_path / "none"))
    assert done.returncode == 1
    assert f"{tmp_path}/file" in done.stderr
    assert "DCOPS_STATE says where state is written" in done.stderr


def test_the_log_is_on_standard_error_and_shown_when_asked() -> None:
    script = (
        "import sys, types, logging; from dcops.cli import main, table\n"
        "module = types.ModuleType('planted'); sys.modules['planted'] = module\n"
        "import typer; module.app = typer.Typer()\n"
        "@module.app.command()\n"
        "def go(json: bool = False) -> None:\n"
        "    logging.getLogger('dcops.x').info('moved', extra={'fields': {'host': 'jkt-db1'}})\n"
        "    logging.getLogger('netmiko').debug('sent canary-0451')\n"
        "table.NOUNS['planted'] = ('planted', ''); sys.exit(main.run(sys.argv[1:]))"
    )
    for arguments, expected in (
        (["planted"], ""),
        (["-v", "planted"], "INFO dcops.x: moved\n"),
        (
            ["-vv", "planted", "--json"],
            '{"level": "info", "logger": "dcops.x", "event": "moved", "host": "jkt-db1"}\n',
        ),
    ):
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "")
        assert "".join(line + "\n" for line in done.stderr.splitlines() if "asyncio" not in line) == expected


def test_exit_codes_are_listed() -> None:
    done = dcops("--exit-codes")
    assert done.returncode == 0
    assert " 130  interrupted" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [("inv", ["inventory"]), ("inventory li", ["list"]), ("inventory list --js", ["--json"]), ("nothing x", [""])],
)
def test_completion_answers_nouns_verbs_and_options(words: str, expected: list[str]) -> None:
    done = dcops(_DCOPS_COMPLETE="1", COMP_WORDS=words)
    assert done.stdout.split("\n")[: len(expected)] == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_for_each_shell(shell: str) -> None:
    assert "_DCOPS_COMPLETE" in dcops("--completion", shell).stdout
    assert dcops("--completion", "csh").returncode == 2


def test_a_defect_is_one_line_and_keeps_no_value(tmp_path: Path) -> None:
    script = (
        "import sys, types; from dcops.cli import main, table\n"
        "module = types.ModuleType('planted'); sys.modules['planted'] = module\n"
        "import typer; module.app = typer.Typer()\n"
        "@module.app.command()\n"
        "def go() -> None: raise ValueError('canary-0451')\n"
        "table.NOUNS['planted'] = ('planted', ''); sys.exit(main.run(['planted']))"
    )
    env = {**os.environ, "DCOPS_STATE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "defect in dcops: ValueError" in done.stderr
    kept = next((tmp_path / "defects").iterdir())
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "canary" not in done.stderr
