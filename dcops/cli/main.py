"""`dcops NOUN VERB`: find the noun in the table, import it, run it, turn errors into one line and an exit code.

`dcops --help` reads the table only: no noun, no model, no rich is imported.
"""

import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dcops import __version__
from dcops.cli.table import NOUNS

if TYPE_CHECKING:
    from dcops.core.errors import DcopsError

USAGE = """\
usage: dcops NOUN VERB [OPTION...]
       dcops NOUN --help

Run a data centre, its recovery site and its national link, and prove that it does.

nouns:
{nouns}

options:
  -v, -vv            before NOUN: log what is done, or everything, on standard error
  --help             this text; after a noun or verb, its own
  --version          the version
  --exit-codes       what each exit code means
  --completion SHELL print a completion script for bash, zsh or fish

Every verb takes --json. Verbs that write take -i INVENTORY unless this host is enrolled, and --check to plan only.
First steps: docs/command-line.md. On a new machine: script/demo.
"""


def usage() -> str:
    """Give the text of `dcops --help`."""
    width = max(map(len, NOUNS))
    return USAGE.format(nouns="\n".join(f"  {noun:<{width}}  {text}" for noun, (_, text) in NOUNS.items()))


def _exit_codes() -> str:
    from dcops.core.exitcodes import MEANINGS

    return "\n".join(f"{code.value:>4}  {text}" for code, text in MEANINGS.items())


def _unknown_noun(word: str) -> "DcopsError":
    from dcops.core.errors import UsageError
    from dcops.core.text import did_you_mean

    near = did_you_mean(word, NOUNS)
    hint = (f"Did you mean {near}? " if near else "") + f"Nouns: {', '.join(NOUNS)}."
    return UsageError(f'"{word}" is no noun', hint=hint)


def _fail(error: Exception, *, as_json: bool) -> int:
    """Print `error` as one line, or as a JSON object, and give its exit code."""
    from dcops.core.errors import DcopsError, SpecError

    known = error if isinstance(error, DcopsError) else _defect(error)
    if as_json:
        body: dict[str, object] = {
            "type": type(known).__name__,
            "message": known.message,
            "where": known.where,
            "hint": known.hint,
            "exit_code": int(known.exit_code),
        }
        if isinstance(known, SpecError):
            body["problems"] = [vars(problem) for problem in known.problems]
        sys.stdout.write(json.dumps({"error": body}, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"dcops: {known}\n")
    return int(known.exit_code)


def _defect(error: Exception) -> "DcopsError":
    """Turn what nobody expected into one line; where it happened goes to a private file, or to stderr with DCOPS_DEBUG.

    The file holds lines of code only, never the error's text or values: those may be secret.
    """
    import traceback

    from dcops.core.errors import DcopsError
    from dcops.core.files import PATH_HINT, private_dir, write_atomic
    from dcops.core.settings import Settings

    if os.environ.get("DCOPS_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.strerror:
        return DcopsError(error.strerror, where=str(error.filename or "system"), hint=PATH_HINT)
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    try:
        folder = private_dir(Settings.load().state / "defects")
        path = folder / f"{type(error).__name__}-{os.getpid()}.txt"
        write_atomic(path, frames, 0o600)
        kept = f"The place is kept in {path}; report it with that file."
    except (DcopsError, OSError):
        kept = "Run it again with DCOPS_DEBUG=1 to see the place."
    return DcopsError(f"defect in dcops: {type(error).__name__}", hint=kept)


def _usage_error(noun: str, words: Sequence[str], message: str) -> "DcopsError":
    """Turn what the parser found wrong into our own error, which names the help to read."""
    from dcops.core.errors import UsageError

    verb = next((word for word in words if not word.startswith("-") and "No such command" not in message), "")
    place = f"{noun} {verb}".strip()
    return UsageError(message.rstrip("."), where=place, hint=f"See dcops {place} --help")


def _own(arguments: Sequence[str]) -> Sequence[str]:
    """Give the arguments that are ours: those after `--` belong to another program."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _run_noun(noun: str, arguments: Sequence[str], verbosity: int) -> int:
    """Run one noun's own command line and give the exit code."""
    # typer's own traceback boxes and suggestions to install completion are for developers, not for users at night.
    os.environ.setdefault("TYPER_STANDARD_TRACEBACK", "1")
    own = _own(arguments)
    as_json = "--json" in own
    try:
        module = importlib.import_module(NOUNS[noun][0])
        import typer
        from typer.exceptions import TyperException

        from dcops.cli.common import setup_logging
        from dcops.cli.help import flow_all

        setup_logging(as_json=as_json, verbosity=verbosity)
        command = typer.main.get_command(module.app)
        flow_all(command)
        try:
            result = command.main(args=list(arguments), prog_name=f"dcops {noun}", standalone_mode=False)
        except typer.Exit as stop:
            return stop.exit_code
        except typer.Abort:
            return 130
        except TyperException as error:
            if not error.format_message():  # a noun without a verb: its help has just been printed
                return 2
            return _fail(_usage_error(noun, own, error.format_message()), as_json=as_json)
        return result if isinstance(result, int) else 0
    except KeyboardInterrupt:
        return 130
    except SystemExit as stop:
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        # The reader of our output has gone (`| head`): no error, and nothing more to say. Typer makes it an exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        return _fail(error, as_json=as_json)


def run(arguments: Sequence[str]) -> int:
    """Run the command line `arguments` (without the program's name) and give the exit code."""
    verbosity = 0
    while arguments and arguments[0] in ("-v", "-vv"):
        verbosity += len(arguments[0]) - 1
        arguments = arguments[1:]
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(usage(), end="")
        return 0 if arguments else 2
    first, rest = arguments[0], list(arguments[1:])
    if first == "--version":
        print(f"dcops {__version__}")
        return 0
    if first == "--exit-codes":
        print(_exit_codes())
        return 0
    if first == "--completion":
        from dcops.cli.completion import script

        return script(rest)
    if first not in NOUNS:
        return _fail(_unknown_noun(first), as_json="--json" in _own(rest))
    return _run_noun(first, rest, verbosity)


def main() -> None:
    """Entry point of the `dcops` program."""
    if "_DCOPS_COMPLETE" in os.environ:
        from dcops.cli.completion import answer

        sys.exit(answer())
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
