"""`dcops-exporter VERB`: find the verb in the table, import it, run it, turn errors into one line and an exit code.

`dcops-exporter --help` reads the table only. A verb is a module with a typer `app`; one line here adds it.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from dcops import __version__

__all__ = ["VERBS", "main", "run"]

VERBS: dict[str, tuple[str, str]] = {
    "serve": ("exporters.commands.serve", "Serve metrics of devices, and discovery, until INT or TERM."),
}

USAGE = """\
usage: dcops-exporter VERB [OPTION...]
       dcops-exporter VERB --help

Metrics of devices for Prometheus, and discovery of targets from the inventory.

verbs:
{verbs}

options:
  -v, -vv     before VERB: log what is done, or everything, on standard error
  --help      this text; after a verb, its own
  --version   the version

Pages: docs/exporter.md, docs/metrics.md.
"""


def usage() -> str:
    """Give the text of `dcops-exporter --help`."""
    width = max(map(len, VERBS))
    return USAGE.format(verbs="\n".join(f"  {verb:<{width}}  {text}" for verb, (_, text) in VERBS.items()))


def run(arguments: Sequence[str]) -> int:
    """Run the command line `arguments` (without the program's name) and give the exit code."""
    verbosity = 0
    while arguments and arguments[0] in ("-v", "-vv"):
        verbosity += len(arguments[0]) - 1
        arguments = arguments[1:]
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(usage(), end="")
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"dcops-exporter {__version__}")
        return 0
    try:
        return _verb(arguments[0], arguments[1:], verbosity)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _fail(error, as_json="--json" in arguments)


def _verb(verb: str, arguments: Sequence[str], verbosity: int) -> int:
    from dcops.core.errors import UsageError
    from dcops.core.text import did_you_mean

    if verb not in VERBS:
        near = did_you_mean(verb, VERBS)
        hint = (f"Did you mean {near}? " if near else "") + f"Verbs: {', '.join(VERBS)}."
        raise UsageError(f'"{verb}" is no verb', hint=hint)
    os.environ.setdefault("TYPER_STANDARD_TRACEBACK", "1")
    import typer
    from typer.exceptions import TyperException

    from dcops.cli.common import setup_logging
    from dcops.cli.help import flow_all

    setup_logging(as_json="--json" in arguments, verbosity=verbosity)
    command = typer.main.get_command(importlib.import_module(VERBS[verb][0]).app)
    flow_all(command)
    try:
        result = command.main(args=list(arguments), prog_name=f"dcops-exporter {verb}", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return 130
    except TyperException as error:
        message = error.format_message()
        if not message:  # a verb without its own verb: its help has just been printed
            return 2
        raise UsageError(message.rstrip("."), where=verb, hint=f"See dcops-exporter {verb} --help") from error
    return result if isinstance(result, int) else 0


def _fail(error: Exception, *, as_json: bool) -> int:
    """Say `error` in one line, or as a JSON object, and give its exit code. A defect names its kind, never its text."""
    import json
    import traceback

    from dcops.core.errors import DcopsError

    if os.environ.get("DCOPS_DEBUG"):
        traceback.print_exception(error)
    hint = "Run it again with DCOPS_DEBUG=1 to see the place."
    defect = DcopsError(f"defect in dcops-exporter: {type(error).__name__}", hint=hint)
    known = error if isinstance(error, DcopsError) else defect
    if as_json:
        body = {
            "type": type(known).__name__,
            "message": known.message,
            "where": known.where,
            "hint": known.hint,
            "exit_code": int(known.exit_code),
        }
        sys.stdout.write(json.dumps({"error": body}, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"dcops-exporter: {known}\n")
    return int(known.exit_code)


def main() -> int:
    """Entry point of `dcops-exporter`."""
    return run(sys.argv[1:])
