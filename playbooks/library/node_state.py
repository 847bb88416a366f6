#!/usr/bin/python
"""Ansible module: folders, files and systemd units of one node in one run, with check mode and diffs."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import subprocess
import tempfile
from datetime import UTC, datetime

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: node_state
short_description: Folders, files and systemd units of one node in one run
description:
  - A module execution costs about half a second of CPU, whatever it does; this one brings a whole role's files and
    units to their state in one, so that a play over many nodes is quick and a second one quicker.
  - Files are written beside their place, fsynced and renamed. Order - folders, files, absent, links, units.
  - A unit that watches a file is restarted when the file is newer than the unit's last start. So a run that was killed
    between writing and restarting is made good by the next one, which a handler would not do.
options:
  directories:
    description: Folders with C(path), C(mode), C(owner), C(group).
    type: list
    elements: dict
  files:
    description: Files with C(path), C(content), C(mode), C(owner), C(group), and C(validate), a command in which C(%s)
      is the new file; it must succeed before the file is put in place. With C(once) a file that is there keeps its
      content, because a program has changed it since.
    type: list
    elements: dict
  secrets:
    description: Like O(files); contents are in no output, diff or log.
    type: list
    elements: dict
  links:
    description: Symbolic links with C(path) and C(target).
    type: list
    elements: dict
  absent:
    description: Paths of files that must not be there.
    type: list
    elements: str
  units:
    description: Units with C(name), C(enabled), C(running), and C(watches), paths of files.
    type: list
    elements: dict
  scripts:
    description: Python programs for what is no file, run last. Each is called with C(--apply) or, in check mode, with
      C(--check), gets C(input) on its standard input, which is in no output, and prints a line for each change. Its
      exit status tells of an error.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Keep time
  node_state:
    files:
      - {path: /etc/chrony/chrony.conf, content: "{{ lookup('ansible.builtin.template', 'chrony.conf.j2') }}"}
    units:
      - {name: chrony.service, enabled: true, running: true, watches: [/etc/chrony/chrony.conf]}
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be, one line each.
  returned: always
  type: list
"""

OWNER = {
    "mode": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}
PATH = {"path": {"type": "str", "required": True}}


def file_options(*, hidden):
    """Options of one file; `hidden` keeps its content out of everything Ansible says."""
    content = {"type": "str", "required": True, "no_log": hidden}
    return {**PATH, **OWNER, "content": content, "validate": {"type": "str"}, "once": {"type": "bool"}}


ARGUMENTS = {
    "directories": {"type": "list", "elements": "dict", "default": [], "options": {**PATH, **OWNER}},
    "files": {"type": "list", "elements": "dict", "default": [], "options": file_options(hidden=False)},
    "secrets": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": file_options(hidden=True),
        "no_log": False,
    },
    "links": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {**PATH, "target": {"type": "str", "required": True}},
    },
    "absent": {"type": "list", "elements": "str", "default": []},
    "units": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "enabled": {"type": "bool"},
            "running": {"type": "bool"},
            "watches": {"type": "list", "elements": "str", "default": []},
        },
    },
    "scripts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "program": {"type": "str", "required": True},
            "input": {"type": "json", "default": "{}", "no_log": True},
        },
    },
}


class QuietModule(AnsibleModule):
    """A module that does not write its arguments to the node's log.

    Ansible does so by default and masks secrets in the printed form of the arguments, where a secret with a line end
    looks different and would stay.
    """

    def _log_invocation(self):
        """Log nothing."""


class NodeState:
    """Collects changes and diffs while bringing one node to its state; writes nothing in check mode."""

    def __init__(self, module):
        self.module = module
        self.check = module.check_mode
        self.changes = []
        self.diffs = []
        self.written = set()

    def changed(self, text, path=None):
        """Note one change."""
        self.changes.append(text)
        if path:
            self.written.add(path)

    # --- folders, files, links ---

    def directory(self, path, mode, owner, group):
        """Make a folder, or set its mode and owner."""
        if not os.path.isdir(path):
            self.changed(f"make folder {path}")
            if self.check:
                return
            os.makedirs(path, mode=0o755)
        self.attributes(path, mode or "0755", owner, group)

    def attributes(self, path, mode, owner, group):
        """Set mode and owner of something that is there."""
        if not os.path.lexists(path):
            return
        now, wanted = os.stat(path), (int(mode, 8), self.uid(owner), self.gid(group))
        if (now.st_mode & 0o7777, now.st_uid, now.st_gid) == wanted:
            return
        self.changed(f"set {path} to {mode} {owner}:{group}")
        if not self.check:
            os.chown(path, wanted[1], wanted[2])
            os.chmod(path, wanted[0])

    def file(self, path, content, mode, owner, group, validate, once, *, secret):
        """Write a file when its content differs, then its mode and owner."""
        wanted, found = content.encode(), read(path)
        mode = mode or ("0600" if secret else "0644")
        if found != wanted and not (once and found is not None):
            self.changed(f"write {path}", path)
            if not secret:
                before = (found or b"").decode(errors="replace")
                self.diffs.append({"before_header": path, "after_header": path, "before": before, "after": content})
            if self.check:
                return
            self.write(path, wanted, mode, owner, group, validate)
        self.attributes(path, mode, owner, group)

    def write(self, path, data, mode, owner, group, validate):
        """Put `data` in place at once and for good: temporary file, fsync, check, rename, fsync of the folder."""
        folder = os.path.dirname(path)
        os.makedirs(folder, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".node_state-", dir=folder)
        try:
            with os.fdopen(handle, "wb") as output:
                output.write(data)
                output.flush()
                os.fchown(output.fileno(), self.uid(owner), self.gid(group))
                os.fchmod(output.fileno(), int(mode, 8))
                os.fsync(output.fileno())
            if validate:
                self.validate(validate, temporary, path)
            os.rename(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
        sync(folder)

    def validate(self, command, temporary, path):
        """Fail the task when the new file is refused by the program that will read it."""
        done = subprocess.run(  # dcops is not on the node
            [word.replace("%s", temporary) for word in shlex.split(command)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            text = (done.stderr or done.stdout).replace(temporary, path).strip()
            self.fail(f"{path} is refused by {shlex.split(command)[0]}: {text[-800:]}")

    def absent(self, path):
        """Remove a file."""
        if os.path.lexists(path):
            self.changed(f"remove {path}", path)
            if not self.check:
                os.unlink(path)

    def link(self, path, target):
        """Make a symbolic link, replacing whatever file or link has its name."""
        if os.path.islink(path) and os.readlink(path) == target:
            return
        self.changed(f"link {path} to {target}", path)
        if not self.check:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            temporary = f"{path}.node_state"
            if os.path.lexists(temporary):  # left by a run that was killed
                os.unlink(temporary)
            os.symlink(target, temporary)
            os.rename(temporary, path)

    # --- units ---

    def units(self, units):
        """Bring units to their state: reload definitions, disable and stop, enable, restart or start."""
        if not units:
            return
        if any(path.startswith("/etc/systemd/") for path in self.written) and not self.check:
            self.systemctl("daemon-reload")
        names = [unit["name"] for unit in units]
        shown = self.show(names)
        # A run that was killed after it wrote a definition: systemd would go on with the one from before.
        if not self.check and any(each.get("NeedDaemonReload") == "yes" for each in shown.values()):
            self.systemctl("daemon-reload")
            shown = self.show(names)
        for unit in units:
            self.unit(unit, shown[unit["name"]])

    def unit(self, unit, shown):
        """Bring one unit to its state; `shown` is what systemd says of it."""
        name, loaded = unit["name"], shown.get("LoadState") != "not-found"
        if not loaded and (unit["enabled"] or unit["running"]) and not self.check:
            self.fail(f"{name}: systemd knows no such unit")
        is_enabled = shown.get("UnitFileState") in ("enabled", "enabled-runtime", "alias")
        if unit["enabled"] is not None and loaded and unit["enabled"] != is_enabled:
            self.act("enable" if unit["enabled"] else "disable", name)
        # A unit that systemd restarts again and again is not running, although it says "activating".
        is_running = shown.get("ActiveState") in ("active", "activating", "reloading")
        is_running = is_running and shown.get("SubState") != "auto-restart"
        if unit["running"] is False and is_running:
            self.act("stop", name)
        elif unit["running"] and not is_running:
            self.act("start", name)
        elif is_running and self.is_older(shown, unit["watches"]):
            self.act("restart", name)

    def is_older(self, shown, watches):
        """Whether a watched file was written after the unit was started."""
        if self.written & set(watches):
            return True
        started = started_at(shown)
        newest = max((os.stat(path).st_mtime for path in watches if os.path.exists(path)), default=0)
        return newest > started

    def act(self, verb, name):
        """Run one systemctl verb, or in check mode note it."""
        self.changed(f"{verb} {name}")
        if not self.check:
            self.systemctl(verb, name)

    def show(self, names):
        """What systemd knows of each unit: {name: {property: value}}."""
        wanted = "Id,LoadState,ActiveState,SubState,UnitFileState,ActiveEnterTimestamp,NeedDaemonReload"
        text = self.systemctl("show", "--timestamp=us+utc", f"--property={wanted}", "--", *names)
        blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
        return dict(zip(names, blocks, strict=True))

    def systemctl(self, *arguments):
        """Run systemctl and give its output; a failure fails the task with the unit's last log lines."""
        code, out, error = self.module.run_command(["systemctl", *arguments])
        if code:
            tail = ""
            if arguments[0] in ("start", "restart"):
                tail = self.module.run_command(["journalctl", "-n", "8", "-o", "cat", "-u", arguments[-1]])[1]
            self.fail(f"systemctl {' '.join(arguments)}: {error.strip()} {tail.strip()}")
        return out

    # --- scripts ---

    def script(self, program, input):
        """Run one program; what it prints is what it changed."""
        done = subprocess.run(  # dcops is not on the node
            ["/usr/bin/python3", "-c", program, "--check" if self.check else "--apply"],
            input=input,
            capture_output=True,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            self.changed(line)
        if done.returncode:
            self.fail(f"script: {(done.stderr.strip().splitlines() or ['failed'])[-1][:300]}")

    # --- helpers ---

    def uid(self, name):
        """Number of a user; in check mode 0 for one that a package would make."""
        return self.number(pwd.getpwnam, name)

    def gid(self, name):
        """Number of a group; in check mode 0 for one that a package would make."""
        return self.number(grp.getgrnam, name)

    def number(self, lookup, name):
        """Number of a name."""
        try:
            return lookup(name)[2]
        except KeyError:
            if self.check:
                return 0
            return self.fail(f"there is no user or group {name}")

    def fail(self, message):
        """End the module, saying what was done until here."""
        self.module.fail_json(msg=message, changes=self.changes, changed=bool(self.changes))


def read(path):
    """Content of a file; None when there is none."""
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except FileNotFoundError:
        return None


def sync(folder):
    """fsync a folder, so that a rename in it survives a power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def started_at(shown):
    """When a unit was last started, in seconds since 1970; infinity when systemd does not say."""
    text = shown.get("ActiveEnterTimestamp", "")
    try:
        return datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S.%f %Z").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return float("inf")


def main():
    """Bring the node to the state asked for and say what was changed."""
    module = QuietModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    state, options = NodeState(module), module.params
    os.umask(0o022)
    for item in options["directories"]:
        state.directory(**item)
    for item in options["files"]:
        state.file(**item, secret=False)
    for item in options["secrets"]:
        state.file(**item, secret=True)
    for path in options["absent"]:
        state.absent(path)
    for item in options["links"]:
        state.link(**item)
    state.units(options["units"])
    for item in options["scripts"]:
        state.script(**item)
    module.exit_json(changed=bool(state.changes), changes=state.changes, diff=state.diffs)


if __name__ == "__main__":
    main()
