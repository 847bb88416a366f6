"""Make the tables of applications where they are missing; one line on standard output for each change.

Standard input is {"commands": [program]}: each makes its own application's tables, looks only with --check, and says
`changed` or `unchanged`.
"""

import json
import os
import subprocess
import sys


def main() -> None:
    """Call each command, to apply or to check."""
    check = "--check" in sys.argv
    for command in json.load(sys.stdin)["commands"]:
        if check and not os.path.exists(command):
            print(f"make the tables of {command}")
            continue
        argv = [command, *(["--check"] if check else [])]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit((done.stderr.strip().splitlines() or [f"{command} failed"])[-1])
        if done.stdout.strip() == "changed":
            print(f"make the tables: {command}")


main()
