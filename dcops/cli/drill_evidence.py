"""`dcops drill evidence`: the bundle by which a stranger can check what a drill's run proved."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out, reading_inventory
from dcops.cli.drill_report import KeyOption, TsaOption, of_bundle
from dcops.core.errors import JournalInvalid
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings

if TYPE_CHECKING:
    from dcops.wiring.evidence import Against
    from dcops.wiring.stamps import Written

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

    The inventory's time-stamp authorities are asked to seal it. When none answers the bundle is written all the same,
    the gap is recorded and people are paged. A twin's bundle says GLADI / REHEARSAL on its page one.

    \b
    Examples:
      dcops drill evidence build 5NBK7 --out naskah-db-loss.tar
    """
    from dcops.cli.drill import open_drills_here
    from dcops.wiring.evidence import build_evidence

    out = Out(as_json=as_json)
    with out.progress("evidence"):
        written = build_evidence(open_drills_here(inventory), run_id, path)
    _say(out, path, written)


def _say(out: Out, path: Path, written: "Written") -> None:
    """Tell what was written, and what is left to do."""
    page = written.page
    document = {
        "file": str(path),
        "drill": page.drill,
        "run": page.run,
        "verdict": page.verdict,
        "is_rehearsal": page.is_rehearsal,
        "time_stamp": page.time_stamp,
        "authority": page.authority or None,
        "stamped_at": written.sealed.at,
        "gap": written.gap or None,
    }
    how = f"sealed by {page.authority} ({page.time_stamp})" if page.is_stamped else "unsealed: it has no time stamp"
    later = f"\nno authority answered: {written.gap}\nlater: dcops drill evidence seal {path}" if written.gap else ""
    out.result(document, f"written: {path}, {page.drill} run {page.run}, {page.verdict}; {how}{later}")


@app.command()
def seal(
    which: Annotated[str, typer.Argument(metavar="FILE.tar|RUN", help="A bundle of this host, or its run.")],
    path: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.tar", help="Where to; else the file is replaced.")
    ] = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add the time stamp a bundle lacks, when no authority answered while it was built.

    Only the host whose key signed the bundle can: page one names the time stamp's class and is signed anew. Exit 2: it
    has one, or the inventory names no authority; 5: none answers, and the file stays as it was.

    \b
    Examples:
      dcops drill evidence seal naskah-db-loss.tar
      dcops drill evidence seal 5NBK7
    """
    from dcops.cli.drill import open_drills_here
    from dcops.wiring.evidence import seal_evidence

    out = Out(as_json=as_json)
    with out.progress("time stamp"):
        target, written = seal_evidence(open_drills_here(inventory), which, path)
    _say(out, target, written)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle.")],
    key: KeyOption = None,
    tsa: TsaOption = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check a bundle: every byte, its signatures, its time stamp, its records' chain, and that all of it says the same.

    Exit 30: invalid. 31: valid, and no authority's word says when it was made: it has no time stamp, it came later than
    the policy's time, or no certificate of the authority is at hand. Without --key the keys this host knows are asked;
    the answer says when only the bundle itself names its key, which proves nobody's word. Without --tsa-cert the
    authorities of the inventory are asked.

    \b
    Examples:
      dcops drill evidence verify naskah-db-loss.tar --key drc-ops1.pem --tsa-cert tsa-root.pem
      dcops drill evidence verify naskah-db-loss.tar --json
    """
    from dcops.drills.seal import SealState
    from dcops.wiring.evidence import verify_evidence

    out, settings = Out(as_json=as_json), Settings.load()
    try:
        found = verify_evidence(settings, path, against(settings, key, tsa, inventory))
    except JournalInvalid as error:
        if not as_json:
            raise
        out.json({"file": str(path), "is_valid": False, "problem": str(error)})
        return int(ExitCode.JOURNAL_INVALID)
    sealed = found.sealed
    facts = {
        "file": str(path),
        "is_valid": True,
        "is_trusted": found.is_trusted,
        "voucher": found.voucher or None,
        "seal": sealed.state,
        "stamped_at": sealed.at,
        "seal_delay_seconds": sealed.delay_seconds,
        "seal_within_seconds": sealed.within_seconds,
    }
    whose = f"vouched for: {found.voucher}" if found.is_trusted else "NOT TRUSTED: only the bundle itself names it"
    text = f"{found.seal.text}valid, {sealed.text}\nkey {found.key_id}, {whose}"
    out.result({**facts, "key_id": found.key_id, **vars(found.seal)}, text)
    return int(ExitCode.DONE if sealed.state is SealState.SEALED else ExitCode.UNSEALED)


def against(settings: Settings, key: Path | None, tsa: Path | None, inventory: str | None) -> "Against":
    """Give what a bundle is held against by the options of a verb."""
    from dcops.wiring.evidence import Against

    return Against(key, tsa, reading_inventory(settings, inventory), inventory is not None)


app.command("report")(of_bundle)
