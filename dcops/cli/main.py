"""`dcops NOUN VERB`: find the noun in the table, import it, run it, turn errors into one line and an exit code.

`dcops --help` reads the table only: no noun, no model, no rich is imported (tests/e2e/test_help.py).
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


def _unknown_noun(word: str) -> str:
    from dcops.core.text import did_you_mean

    near = did_you_mean(word, NOUNS)
    return f'dcops: "{word}" is no noun.' + (f" Did you mean {near}?" if near else "") + " Nouns: " + ", ".join(NOUNS)


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
    from dcops.core.files import private_dir, write_atomic
    from dcops.core.settings import Settings

    if os.environ.get("DCOPS_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.strerror:
        return DcopsError(error.strerror, where=str(error.filename or ""), hint="Nothing else is known of it.")
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


def _run_noun(noun: str, arguments: Sequence[str]) -> int:
    """Run one noun's own command line and give the exit code."""
    # typer's own traceback boxes and suggestions to install completion are for developers, not for users at night.
    os.environ.setdefault("TYPER_STANDARD_TRACEBACK", "1")
    own = list(arguments)[: arguments.index("--")] if "--" in arguments else arguments
    as_json = "--json" in own
    try:
        module = importlib.import_module(NOUNS[noun][0])
        import typer
        from typer.exceptions import TyperException

        command = typer.main.get_command(module.app)
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
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): no error, and nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _fail(error, as_json=as_json)


def run(arguments: Sequence[str]) -> int:
    """Run the command line `arguments` (without the program's name) and give the exit code."""
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
        print(_unknown_noun(first), file=sys.stderr)
        return 2
    return _run_noun(first, rest)


def main() -> None:
    """Entry point of the `dcops` program."""
    if "_DCOPS_COMPLETE" in os.environ:
        from dcops.cli.completion import answer

        sys.exit(answer())
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
