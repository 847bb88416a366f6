"""Make a password file hold exactly the accounts given, hashed by bcrypt; one line on standard output for each change.

Standard input is {account: password}. An account whose stored hash already belongs to its password is left as it is, so
a second run changes nothing although bcrypt salts at random.
"""

import json
import os
import shutil
import subprocess
import sys


def htpasswd(options: list[str], path: str, account: str, password: str = "") -> bool:
    """Run htpasswd with the password on standard input; whether it succeeded."""
    done = subprocess.run(["htpasswd", *options, path, account], input=password, text=True, capture_output=True, check=False)
    return done.returncode == 0


def main() -> None:
    """Apply, or with --check print, what differs."""
    wanted, check, path = json.load(sys.stdin), "--check" in sys.argv, "/etc/rest-server/htpasswd"
    known = [line.split(":")[0] for line in open(path)] if os.path.exists(path) else []
    steps = [("remove", name) for name in known if name not in wanted]
    steps += [("set", name) for name, word in wanted.items() if name not in known or not htpasswd(["-vi"], path, name, word)]
    for verb, name in steps:
        print(f"{verb} account {name}")
    if check or not steps:
        return
    new = path + ".new"
    if os.path.exists(path):
        shutil.copyfile(path, new)
    else:
        open(new, "w").close()
    for verb, name in steps:
        if not htpasswd(["-D"] if verb == "remove" else ["-iB", "-C", "10"], new, name, wanted.get(name, "")):
            sys.exit(f"htpasswd failed for account {name}")
    shutil.chown(new, "root", "rest-server")
    os.chmod(new, 0o640)
    os.rename(new, path)


main()
