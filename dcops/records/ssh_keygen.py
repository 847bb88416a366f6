"""SSH signatures through `ssh-keygen -Y`: keys in files, in the agent or on hardware, all the same to it."""

import tempfile
from pathlib import Path

from dcops.core.errors import ApprovalMissing, CommandError, DcopsError
from dcops.core.process import run
from dcops.records.approval import NAMESPACE

_TOUCH_SECONDS = 120.0  # a hardware key waits for a finger


class SshKeygen:
    """The adapter of SshSignatures. Nothing secret is in any argument: keys are named by their file."""

    def sign(self, text: str, key_path: str) -> str:
        """Return the armoured signature; raise DcopsError when the key cannot sign."""
        argv = ["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", key_path]
        try:
            done = run(argv, input=text.encode("utf-8"), timeout_seconds=_TOUCH_SECONDS)
        except CommandError as error:
            raise DcopsError(f"the key did not sign: {_last_line(error)}", where=key_path) from error
        return done.text

    def verify(self, text: str, signature: str, person: str, keys: tuple[str, ...]) -> str:
        """Return the fingerprint of the key that signed; raise ApprovalMissing when it is none of the person's."""
        with tempfile.TemporaryDirectory(prefix="dcops-approval-") as folder:
            signed, allowed = Path(folder, "signature"), Path(folder, "allowed")
            signed.write_text(signature, "utf-8")
            lines = (f'{person} namespaces="{NAMESPACE}" {key}\n' for key in keys)
            allowed.write_text("".join(lines), "utf-8")
            argv = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", person]
            try:
                done = run([*argv, "-f", str(allowed), "-s", str(signed)], input=text.encode("utf-8"))
            except CommandError as error:
                hint = "The inventory's people list their keys."
                raise ApprovalMissing(
                    "the signature is by none of the person's keys", where=person, hint=hint
                ) from error
        return done.text.rstrip().rpartition(" ")[2]


def _last_line(error: CommandError) -> str:
    lines = error.stderr_tail.strip().splitlines()
    return lines[-1] if lines else f"status {error.status}"
