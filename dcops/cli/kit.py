"""`dcops kit`: build the recovery kit, hold one against today, prove its shares, open it on a bare machine."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dcops.cli.common import (
    CheckOption,
    InventoryOption,
    JsonOption,
    Out,
    YesOption,
    banner,
    confirm,
    reading_inventory,
    writing_inventory,
)
from dcops.core.clock import utc_now
from dcops.core.errors import DcopsError, JournalInvalid, UsageError
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings
from dcops.core.units import format_size
from dcops.core.words import Status

if TYPE_CHECKING:
    from dcops.kit.model import Built, Kit, Line, Share
    from dcops.wiring.kit import Kits

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The recovery kit: one signed archive with everything to recover from nothing but a backup, its secrets\n"
    "sealed under a key that is split among people. Manual: docs/recovery-kit.md.",
)

_FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A kit.")]
_KeyOption = Annotated[
    Path | None, typer.Option("--key", metavar="PUBLIC", help="The PEM public key that must have signed it.")
]
_ShareOption = Annotated[
    list[Path] | None,
    typer.Option("--share", metavar="SHEET", help="File of a share's sheet; once for each. Else they are asked for."),
]


@app.command()
def build(
    to: Annotated[Path, typer.Option("--to", metavar="DIR|FILE.tar", help="Where the archive goes.")],
    shares: Annotated[int, typer.Option("--shares", metavar="N", help="How many people get a share.")] = 5,
    threshold: Annotated[int, typer.Option("--threshold", metavar="M", help="How many of them open it.")] = 3,
    sheets_to: Annotated[
        Path | None,
        typer.Option(
            "--sheets-to", metavar="DIR", help="Where the sheets go; a folder beside the archive if not given."
        ),
    ] = None,
    known_hosts: Annotated[
        Path | None, typer.Option("--known-hosts", metavar="FILE", help="SSH host keys, if not the ones known here.")
    ] = None,
    without_packages: Annotated[
        bool,
        typer.Option("--without-packages", help="Leave out wheels and .deb files: small, but needs a network later."),
    ] = False,
    inventory: InventoryOption = None,
    check: CheckOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Build a kit: content with history, dcops and what it runs on, runbooks, public keys, and the secrets, sealed.

    Run it in a checkout where everything is committed, on a host that holds the keys of the repositories. The sheets of
    the shares (0600) are handed out and deleted; the key is kept nowhere else. Wheels and packages are fetched through
    pip and apt. With --check only what would go in is shown (exit 4).

    \b
    Examples:
      dcops kit build -i lab --to /srv/kit --yes
      dcops kit build -i lab --to kit.tar --shares 7 --threshold 4 --sheets-to /media/stick
    """
    from dcops.core.ulid import new_ulid
    from dcops.runs.cancel import cancel_on_signals
    from dcops.runs.run import current_actor
    from dcops.wiring import kit as wiring

    out, settings = Out(as_json=as_json), Settings.load()
    name = writing_inventory(settings, inventory)
    wiring.refuse_odd_numbers(threshold, shares)
    kits = wiring.open_kits(settings, name)
    if check:
        return _show_plan(out, settings, kits)
    now = utc_now()
    kit = new_ulid(now)
    archive, sheets = wiring.places_for(kit, kits.inventory.name, to, sheets_to, now)
    order = wiring.Order(archive, sheets, threshold, shares, not without_packages, known_hosts)
    head = kits.inventory
    banner(out, inventory=head.name, environment=head.environment.value, revision=head.revision, user=current_actor())
    confirm(f"Build a kit at {archive}, {threshold} of {shares} shares?", yes=yes)
    with cancel_on_signals() as token, kits.run("kit build") as run, out.progress("building the kit") as say:
        built = wiring.build(kits, kit, order, now, token, say)
        wiring.record_built(kits, built, run.run_id)
        run.finish({"kit": kit, "sha256": built.sha256})
    try:
        wiring.write_metrics(kits)
    except DcopsError as error:  # never in place of what became of the kit
        out.note(f"warning: the metrics were not written: {error}")
    _show_built(out, built)
    return int(ExitCode.DONE)


@app.command()
def verify(
    path: _FileArgument,
    key: _KeyOption = None,
    archive_only: Annotated[
        bool, typer.Option("--archive-only", help="Only the file itself: nothing of today is asked.")
    ] = False,
    shares: Annotated[
        bool, typer.Option("--shares", help="Prove, too, that shares open it; nothing is written.")
    ] = False,
    share: _ShareOption = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check a kit: every byte, its signatures, its age, and what of today's inventory and secrets is not in it.

    Needs the public key only. Exit 30: invalid. 14: too old, older than the inventory, a secret was changed since, or a
    line is unknown. With --shares enough holders bring theirs, and the secrets are opened in memory alone; 12: they do
    not open it. With -i, or on an enrolled host, that is recorded.

    \b
    Examples:
      dcops kit verify /srv/kit/dcops-kit-lab-20261124-5NBK7.tar
      dcops kit verify kit.tar --key jkt-ops1.pem --archive-only
      dcops kit verify kit.tar --shares --share share-1-of-5.txt --share share-4-of-5.txt --share share-5-of-5.txt
    """
    from dcops.runs.cancel import cancel_on_signals
    from dcops.wiring import kit as wiring

    out, settings = Out(as_json=as_json), Settings.load()
    with cancel_on_signals() as token:
        try:
            found, signature = wiring.check(settings, path, key, token)
        except JournalInvalid as error:
            if not as_json:
                raise
            out.json({"file": str(path), "is_valid": False, "problem": str(error)})
            return int(ExitCode.JOURNAL_INVALID)
    lines = [signature]
    if not archive_only:
        lines += wiring.hold_against_today(settings, reading_inventory(settings, inventory), found.about)
    brought, failure = _proved(found, share, lines) if shares or share else ([], None)
    writer = inventory or settings.enrolled_inventory()
    if writer and not archive_only:
        wiring.record_verified(settings, writer, found, brought, lines, str(failure or ""))
    if failure is not None and not as_json:
        _show_lines(out, found, lines)
        raise failure
    document = {**wiring.about_fields(found), "is_valid": True, "lines": [vars(line) for line in lines]}
    if as_json:
        out.json({"file": str(path), **document, "problem": str(failure) if failure else None})
    else:
        _show_lines(out, found, lines)
    is_good = archive_only or all(line.status in (Status.PASS, Status.WARN) for line in lines)
    return int(failure.exit_code if failure else ExitCode.DONE if is_good else ExitCode.POLICY_BROKEN)


@app.command("open")
def open_(
    path: _FileArgument,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A new or empty folder; it becomes private (0700).")],
    share: _ShareOption = None,
    key: _KeyOption = None,
    as_json: JsonOption = False,
) -> int:
    """Open a kit with enough shares: content, pages, public keys and the secrets, in one private folder.

    Shares come from --share files, else from standard input (one or more sheets), else they are asked for, row by row.
    All appears at once or nothing does. The shares vouch for the key that signed the kit. Exit 12: the shares are of
    another kit, mixed, changed or too few; 7: the folder is not empty; 30: the kit is damaged.

    \b
    Examples:
      dcops kit open kit.tar --to /root/opened
      dcops kit open kit.tar --to /root/opened --share share-1-of-5.txt --share share-2-of-5.txt --share ...
    """
    from dcops.runs.cancel import cancel_on_signals
    from dcops.wiring import kit as wiring

    out, settings = Out(as_json=as_json), Settings.load()
    with cancel_on_signals() as token:
        found, _ = wiring.check(settings, path, key, token)
    brought = _bring(found, share)
    with cancel_on_signals() as token:
        count = wiring.open_to(found, path, brought, to, token)
    folder = to.absolute()
    document = {**wiring.about_fields(found), "folder": str(folder), "secrets_written": count}
    out.result(
        document, f"opened: {folder}, {count} secrets\nnext: . {folder}/env.sh, then {folder}/pages/cold-start.html"
    )
    return int(ExitCode.DONE)


@app.command()
def enrol(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An opened kit.")],
    node: Annotated[str, typer.Option("--as", metavar="NODE", help="The operations server that is lost.")],
    as_json: JsonOption = False,
) -> int:
    """Make this machine an operations server of the inventory: an identity, signed by the kit's enrolling key.

    Verbs that write act from an enrolled host only, and a repository's accounts belong to sites. Refused (7) on
    a machine that has an identity. Recorded as `enrolment` in this machine's own new journal.

    \b
    Examples:
      dcops kit enrol /root/opened --as drc-ops1
    """
    from dcops.wiring.kit_enrol import enrol_here

    identity = enrol_here(Settings.load(), folder, node)
    document = {
        "node": identity.node,
        "site": identity.site,
        "inventory": identity.inventory,
        "issuer": identity.issuer,
    }
    text = (
        f"enrolled: {identity.node} at {identity.site}, inventory {identity.inventory} ({identity.environment.value})"
    )
    Out(as_json=as_json).result({**document, "environment": identity.environment}, text)
    return int(ExitCode.DONE)


def _proved(kit: "Kit", files: list[Path] | None, lines: "list[Line]") -> "tuple[list[Share], DcopsError | None]":
    """Prove that shares open a kit; add what came of it to the lines, and give the shares and the error."""
    from dcops.kit.model import Line
    from dcops.kit.service import prove_shares

    brought = _bring(kit, files)
    try:
        secrets = prove_shares(kit, brought)
    except DcopsError as error:
        lines.append(Line("shares", Status.FAIL, str(error)))
        return [each for _, each in brought], error
    numbers = ", ".join(str(each.index) for _, each in brought)
    lines.append(Line("shares", Status.PASS, f"{numbers} open all {len(secrets)} secrets; nothing was written"))
    return [each for _, each in brought], None


def _bring(kit: "Kit", files: list[Path] | None) -> "list[tuple[str, Share]]":
    """Give the shares: of files, of standard input, or as people type them."""
    from dcops.wiring.kit import shares_from

    if files:
        return shares_from(files)
    if not sys.stdin.isatty():
        text = sys.stdin.read()
        if not text.strip():
            hint = "Name their files with --share, or give the sheets on standard input."
            raise UsageError("no shares were given", hint=hint)
        return shares_from([], text)
    return _ask_for_shares(kit)


def _ask_for_shares(kit: "Kit") -> "list[tuple[str, Share]]":
    """Ask for shares row by row until there are enough; what is typed is not shown, a mistyped row is asked again."""
    from dcops.kit.parse import ROWS, BadShare, check_row, read_share
    from dcops.kit.seal import require_of

    brought: list[tuple[str, Share]] = []
    while len({share.index for _, share in brought}) < kit.about.threshold:
        where = f"share typed {len(brought) + 1}"
        rows: list[str] = []
        while len(rows) < ROWS:
            prompt = f"{kit.about.threshold} shares are needed, this is number {len(brought) + 1}; row {len(rows) + 1}"
            try:
                rows.append(check_row(len(rows) + 1, typer.prompt(prompt, hide_input=True, err=True), where=where))
            except BadShare as error:
                typer.echo(f"dcops: {error}", err=True)
        share = read_share("\n".join(rows), where=where)
        require_of(kit.about, kit.signer, where, share)
        brought.append((where, share))
    return brought


def _show_plan(out: Out, settings: Settings, kits: "Kits") -> int:
    """Show what would go in and what would not; exit 4, since building always makes something new."""
    from dcops.wiring.kit import secrets_here

    found, gaps = secrets_here(settings, kits.wanted)
    left_out = [*kits.left_out, *gaps]
    if out.as_json:
        document = {
            "inventory": kits.inventory.name,
            "revision": kits.inventory.revision,
            "repositories": kits.repositories,
            "secrets": [{"name": each.name, "ref": each.ref, "purpose": each.purpose} for each in found],
            "left_out": left_out,
        }
        out.json(document)
        return int(ExitCode.DIFFERENCES)
    out.table([(s.name, s.ref, s.purpose) for s in found], ("secret", "from", "for"), title="Would go in, sealed")
    out.line("")
    out.table([(gap.name, gap.why) for gap in left_out], ("credential", "why"), title="Would not go in")
    return int(ExitCode.DIFFERENCES)


def _show_built(out: Out, built: "Built") -> None:
    about = built.about
    document: dict[str, Any] = {
        "kit": about.kit,
        "file": str(built.path),
        "sheets": [str(path) for path in built.sheets],
        "size_bytes": built.size_bytes,
        "members": built.members,
        "sha256": built.sha256,
        "manifest_sha256": built.manifest_sha256,
        "secrets": [each.name for each in about.secrets],
        "left_out": about.left_out,
        "has_packages": about.has_packages,
    }
    lines = [
        f"built: {built.path}, {built.members} members, {format_size(built.size_bytes)}, {len(about.secrets)} secrets",
        f"manifest sha256 {built.manifest_sha256}",
        f"sheets: {built.sheets[0].parent}, {about.threshold} of {about.shares} open it",
        "next: hand each sheet to another person, then delete that folder; keep the archive where the sites are not",
    ]
    for gap in about.left_out:
        out.note(f"not in it: {gap.name}: {gap.why}")
    out.result(document, "\n".join(lines))


def _show_lines(out: Out, kit: "Kit", lines: "Sequence[Line]") -> None:
    about = kit.about
    out.line(f"kit {about.kit}, inventory {about.inventory.name} ({about.inventory.environment.value}), "
             f"{len(kit.members)} members, {format_size(kit.size_bytes)}: every byte is as it was signed")  # fmt: skip
    out.table([(line.rule, line.status.value, line.reason) for line in lines], ("rule", "is", "why"))
