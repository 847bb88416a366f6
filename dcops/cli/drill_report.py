"""`dcops drill report` and `dcops drill evidence report`: what a run proved, as text, page or PDF."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out
from dcops.core.settings import Settings
from dcops.reports.language import Language

if TYPE_CHECKING:
    from dcops.wiring.reports import DrillReport

HtmlOption = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the page.")]
PdfOption = Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write the same page as PDF.")]
LanguageOption = Annotated[Language, typer.Option("--lang", help="Language of page and PDF.")]
KeyOption = Annotated[
    Path | None, typer.Option("--key", metavar="PUBLIC", help="The PEM public key that must have signed the bundle.")
]
TsaOption = Annotated[
    Path | None, typer.Option("--tsa-cert", metavar="CERT", help="PEM root of the time-stamp authority.")
]


def report(
    which: Annotated[str, typer.Argument(metavar="RUN|FILE.tar", help="A run id's unique ending, or a bundle.")],
    html: HtmlOption = None,
    pdf: PdfOption = None,
    language: LanguageOption = Language.ID,
    key: KeyOption = None,
    tsa: TsaOption = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what a run proved: verdict, every figure with target and source, the steps, and how to check it.

    The page and its PDF have a timeline, in Indonesian or English. A twin's report says GLADI / REHEARSAL on each
    page: it never counts as evidence that production recovers. From a bundle it needs nothing but the file, and an
    invalid one gives no report (exit 30).

    \b
    Examples:
      dcops drill report 5NBK7
      dcops drill report 5NBK7 --html gladi.html --pdf gladi.pdf
      dcops drill report naskah-db-loss.tar --pdf drill.pdf --lang en --key drc-ops1.pem
    """
    from dcops.cli.drill import open_drills_here
    from dcops.cli.drill_evidence import against
    from dcops.wiring.reports import report_of_bundle, report_of_run

    settings = Settings.load()
    if which.endswith(".tar"):
        made = report_of_bundle(settings, Path(which), against(settings, key, tsa, inventory))
    else:
        made = report_of_run(open_drills_here(inventory), which)
    _tell(Out(as_json=as_json), made, language, html, pdf)


def of_bundle(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle.")],
    html: HtmlOption = None,
    pdf: PdfOption = None,
    language: LanguageOption = Language.ID,
    key: KeyOption = None,
    tsa: TsaOption = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the report from a bundle alone, anywhere: no journal, no inventory, no network; checked first (exit 30).

    \b
    Examples:
      dcops drill evidence report naskah-db-loss.tar --pdf gladi.pdf
      dcops drill evidence report naskah-db-loss.tar --html drill.html --lang en --key drc-ops1.pem --tsa-cert root.pem
    """
    from dcops.cli.drill_evidence import against
    from dcops.wiring.reports import report_of_bundle

    settings = Settings.load()
    made = report_of_bundle(settings, path, against(settings, key, tsa, inventory))
    _tell(Out(as_json=as_json), made, language, html, pdf)


def _tell(out: Out, made: "DrillReport", language: Language, html: Path | None, pdf: Path | None) -> None:
    """Write the pages asked for, then say it all as text or JSON."""
    from dcops.drills.report import render_text

    for path in made.write(language, html=html, pdf=pdf):
        out.note(f"written: {path}")
    result, origin = made.result, made.origin
    facts = {
        "run": origin.run,
        "inventory_revision": origin.inventory_revision,
        "record": origin.record,
        "chain_head": origin.head,
        "key_id": origin.key_id,
        "voucher": origin.voucher or None,
        "time_stamp": origin.time_stamp,
        "authority": origin.authority or None,
        "seal": origin.seal or None,
        "stamped_at": origin.stamped_at,
    }
    sealed = f"{origin.time_stamp} ({origin.authority}, {origin.seal})" if origin.authority else origin.time_stamp
    lines = [
        render_text(result, origin.run),
        f"inventory revision {origin.inventory_revision[:12] or 'unknown'}, time-stamp class {sealed}",
        f"chain head {origin.head}",
        f"signed by {origin.key_id}, {origin.voucher or 'NOT TRUSTED: nobody here vouches for that key'}",
    ]
    out.result({**facts, **result.model_dump(mode="json")}, "\n".join(lines))
