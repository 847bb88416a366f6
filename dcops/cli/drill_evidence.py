"""`dcops drill evidence`: the bundle by which a stranger can check what a drill's run proved."""

from pathlib import Path
from typing import Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out
from dcops.core.errors import JournalInvalid
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Evidence bundles of drills: one signed file that anybody checks with the public key.\n\n"
    "Format, and checking with openssl alone: docs/evidence.md.",
)


@app.command()
def build(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run id, or any unique ending of one.")],
    path: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.tar", help="Where to write the bundle.")],
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a run's evidence: scenario, steps, figures, the journal's records, signed by this host's records key.

    A twin's bundle says GLADI / REHEARSAL on its page one. Nothing of the run is changed.

    \b
    Examples:
      dcops drill evidence build 5NBK7 --out naskah-db-loss.tar
    """
    from dcops.cli.drill import open_drills_here
    from dcops.wiring.evidence import build_evidence

    page = build_evidence(open_drills_here(inventory), run_id, path)
    document = {"file": str(path), "drill": page.drill, "run": page.run, "verdict": page.verdict}
    text = f"written: {path}, {page.drill} run {page.run}, {page.verdict}; unsealed: it has no time stamp"
    Out(as_json=as_json).result({**document, "is_rehearsal": page.is_rehearsal, "time_stamp": page.time_stamp}, text)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle.")],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PUBLIC", help="The PEM public key that must have signed it.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Check a bundle: every byte, both signatures, its records' chain, and that all of it says the same.

    Exit 30: invalid. 31: valid, without a time stamp: when it was made is the host's word. Without --key the keys this
    host knows are asked; the answer says when only the bundle itself names its key, which proves nobody's word.

    \b
    Examples:
      dcops drill evidence verify naskah-db-loss.tar --key drc-ops1.pem
      dcops drill evidence verify naskah-db-loss.tar --json
    """
    from dcops.wiring.evidence import verify_evidence

    out = Out(as_json=as_json)
    try:
        found = verify_evidence(Settings.load(), path, key)
    except JournalInvalid as error:
        if not as_json:
            raise
        out.json({"file": str(path), "is_valid": False, "problem": str(error)})
        return int(ExitCode.JOURNAL_INVALID)
    facts = {"file": str(path), "is_valid": True, "is_trusted": found.is_trusted, "voucher": found.voucher or None}
    whose = f"vouched for: {found.voucher}" if found.is_trusted else "NOT TRUSTED: only the bundle itself names it"
    text = f"{found.seal.text}valid, unsealed: no time stamp\nkey {found.key_id}, {whose}"
    out.result({**facts, "key_id": found.key_id, **vars(found.seal)}, text)
    return int(ExitCode.UNSEALED)
