"""`dcops records`: what was done: list, show, verify, export, and people's approvals."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dcops.cli import records_exchange
from dcops.cli.common import InventoryOption, JsonOption, Out, writing_inventory
from dcops.core.errors import UsageError
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from dcops.records.approving import Approvals
    from dcops.records.service import Journal

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What was done: append-only journals, each record chained to the one before and signed.\n\n"
    "They lie in $DCOPS_STATE/records, or in PostgreSQL with DCOPS_RECORDS_URL. Manual: docs/records.md.",
)

JournalOption = Annotated[
    str | None, typer.Option("--journal", metavar="NAME", help="Only this journal (one per writer).")
]


@app.command()
def keygen(
    rotate: Annotated[bool, typer.Option("--rotate", help="Replace the key; the old one introduces the new.")] = False,
    journal: Annotated[
        str | None, typer.Option("--journal", metavar="NAME", help="Name of the journal this installation writes.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why the key is replaced.")] = "",
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the key that signs this installation's records, or show the one there is.

    The private key stays in $DCOPS_STATE/records/keys, mode 0600; the public one is added to records/keys.json: hand
    that file to whoever will verify. The first record makes a key by itself, so this is needed only to have it early,
    to name the journal, or to replace the key.

    Examples:
      dcops records keygen
      dcops records keygen --rotate --reason "yearly" -i lab
    """
    from dcops.wiring.records import journal_key, rotate_key

    out, settings = Out(as_json=as_json), Settings.load()
    if rotate and journal:
        raise UsageError("--rotate replaces the key of the present journal", hint="Leave --journal out.")
    if rotate:
        opened = _journal(settings, inventory)
        key_id, name = rotate_key(settings, opened, reason), opened.name
    else:
        name, key_id = journal_key(settings, journal)
    public = settings.state / "records" / "keys.json"
    out.result(
        {"journal": name, "key_id": key_id, "public_keys": public, "rotated": rotate},
        f"journal {name}\nkey {key_id}\npublic keys in {public}",
    )


app.command("exchange")(records_exchange.exchange)


@app.command("list")
def list_records(
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Such as backup.receipt or run.*")] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="A run's id or the end of it.")] = None,
    journal: JournalOption = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="RFC 3339 time, or ago: 90m, 2d.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="RFC 3339 time, or ago.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="At most so many; 0 for all.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List records, newest first.

    Examples:
      dcops records list --kind backup.receipt --since 2d
      dcops records list --run 4RRFFQ --json
    """
    from dcops.cli.records_view import COLUMNS, document, row
    from dcops.wiring.records import open_records

    out = Out(as_json=as_json)
    found = list(
        open_records(Settings.load()).query(
            kind=kind,
            run=run,
            journal=journal,
            after=_moment(since),
            until=_moment(until),
            limit=limit or None,
            is_newest_first=True,
        )
    )
    if run and len({record.run for record in found}) > 1:
        raise UsageError("several runs end so", where=f"run {run}", hint="Give more of the id.")
    if as_json:
        out.json([document(record) for record in found])
    elif found:
        out.table([row(record) for record in found], COLUMNS)
    else:
        out.note("no record matches")


@app.command()
def show(
    reference: Annotated[str, typer.Argument(metavar="RECORD", help="JOURNAL:SEQ as list prints it, or SEQ alone.")],
    text: Annotated[bool, typer.Option("--text", help="Print the stored text exactly, as it was hashed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one record whole.

    Examples:
      dcops records show jkt-ops1:17
      dcops records show jkt-ops1:17 --text | sha256sum
    """
    from dcops.cli.records_view import document, full_text
    from dcops.wiring.records import open_records

    record = open_records(Settings.load()).get(reference)
    if text:
        sys.stdout.write(record.text)
        return
    Out(as_json=as_json).result(document(record), full_text(record))


@app.command()
def verify(
    anchor: Annotated[
        list[str] | None,
        typer.Option("--anchor", metavar="FILE|URL", help="A signed head kept elsewhere; may be given again."),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="Public keys (JWK set) that came another way.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="PATH", help="Verify an export instead of the journal.")
    ] = None,
    journal: Annotated[
        list[str] | None, typer.Option("--journal", metavar="NAME", help="Only this journal; may be given again.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify every record: its hash, its signature, its place in the chain.

    Finds a changed byte, a removed, inserted or reordered record, a wrong signature, a key nobody introduced. That the
    end is missing shows only against an anchor: a head somebody else kept (dcops records head).

    Exit codes: 0 valid, 30 invalid, 31 valid but unsealed: records wait in the spool, or no given anchor covers a
    journal.

    Examples:
      dcops records verify
      dcops records verify --anchor /media/usb/heads.json --keys keys.json
      dcops records verify --export /tmp/handed-over
    """
    from dcops.cli.records_view import verification_document, verification_lines
    from dcops.wiring.records import verify_records

    out = Out(as_json=as_json)
    found = verify_records(Settings.load(), export=export, anchors=anchor or (), keys=keys, journals=journal or ())
    if as_json:
        out.json(verification_document(found))
    for line in verification_lines(found):
        out.line(line)
    if found.findings:
        raise typer.Exit(int(ExitCode.JOURNAL_INVALID))
    if found.unsealed:
        raise typer.Exit(int(ExitCode.UNSEALED))


@app.command()
def head(
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there instead of printing.")
    ] = None,
    place: Annotated[
        str, typer.Option("--place", metavar="TEXT", help="Where it will be kept; adds a record that says so.")
    ] = "",
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print an anchor: the signed end of every journal, to be kept where this machine's root cannot reach it.

    JSON: {"heads": [...], "keys": [...]}. Later `dcops records verify --anchor FILE` holds the journals against it.

    Examples:
      dcops records head --out /media/usb/heads.json -i lab
      dcops records head -i lab | ssh witness.example.test 'cat > heads.json'
    """
    from dcops.core.files import write_atomic
    from dcops.wiring.records import make_anchor

    settings = Settings.load()
    opened = _journal(settings, inventory)
    heads, text = make_anchor(settings, opened)
    if to is None:
        sys.stdout.write(text)
    else:
        write_atomic(to, text)
        Out(as_json=as_json).result({"anchor": to, "heads": [vars(item) for item in heads]}, f"anchor in {to}")
    if place:
        seen = [{"journal": item.journal, "seq": item.seq, "hash": item.hash, "at": item.at} for item in heads]
        opened.append("anchor", {"place": place, "heads": seen})


@app.command()
def export(
    to: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="A new folder: records, keys, heads, all to hand over."),
    ] = None,
    journal: JournalOption = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export whole journals for somebody who has no dcops and need not trust us.

    Without --out the records alone are printed, one JSON object a line. The format and a recipe to verify it with
    openssl and twenty lines of Python are in docs/records.md.

    Examples:
      dcops records export --out /tmp/for-the-auditor -i lab
      dcops records export --journal jkt-ops1 > jkt-ops1.jsonl
    """
    from dcops.wiring.records import export_lines, export_records

    settings = Settings.load()
    if to is None:
        for line in export_lines(settings, journal):
            sys.stdout.write(line + "\n")
        return
    count = export_records(settings, _journal(settings, inventory), to, journal)
    Out(as_json=as_json).result({"records": count, "folder": to}, f"{count} records in {to}")


@app.command()
def approve(
    subject: Annotated[
        str, typer.Argument(metavar="SHA256", help="The hash of what is approved: a plan's id, an order.")
    ],
    person: Annotated[str, typer.Option("--person", metavar="NAME", help="Who decides, by name in the inventory.")],
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="SSH key to sign with.")] = None,
    statement: Annotated[
        Path | None,
        typer.Option("--statement", metavar="FILE", help="A statement signed elsewhere; needs --signature."),
    ] = None,
    signature: Annotated[Path | None, typer.Option("--signature", metavar="FILE", help="Its SSH signature.")] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Say no; this also takes an earlier approval back.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept with the decision.")] = "",
    valid: Annotated[
        str | None, typer.Option("--valid", metavar="TIME", help="Expires after this, such as 8h.")
    ] = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Only print the statement, to be signed elsewhere.")
    ] = False,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve, or reject, what a hash names, with an SSH signature checked against the inventory's people.

    Keys on hardware and in the agent work: --key names the public key file then. To sign on another machine: --print
    there the statement, `ssh-keygen -Y sign -n dcops-approval -f KEY statement`, and hand both files in.

    Exit code 40: the signature is by none of the person's keys.

    Examples:
      dcops records approve $PLAN --person approver-1 --key ~/.ssh/id_ed25519 --valid 8h -i lab
      dcops records approve $PLAN --person approver-1 --print -i lab > statement
      dcops records approve $PLAN --person approver-1 --statement statement --signature statement.sig -i lab
    """
    from dcops.core.files import read_text

    approvals = _approvals(inventory)
    if statement is not None or signature is not None:
        if statement is None or signature is None:
            raise UsageError("--statement and --signature go together")
        record = approvals.take_for(subject, person, read_text(statement), read_text(signature))
    else:
        made = approvals.statement(
            subject, person, decision="reject" if reject else "approve", reason=reason, valid_seconds=_seconds(valid)
        )
        if print_only:
            sys.stdout.write(made.text)
            return
        if key is None:
            raise UsageError("nothing to sign with", hint="Give --key FILE, or --print to sign elsewhere.")
        record = approvals.sign(made, str(key))
    from dcops.cli.records_view import document

    decision = record.payload["decision"]
    Out(as_json=as_json).result(document(record), f"{record.journal}:{record.seq}: {person}: {decision} {subject}")


@app.command()
def approvals(
    subject: Annotated[str, typer.Argument(metavar="SHA256", help="The hash of what should be approved.")],
    people: Annotated[int, typer.Option("--people", min=1, help="How many different people are needed.")] = 1,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="The role they must have.")] = "approver",
    not_by: Annotated[
        list[str] | None,
        typer.Option("--not-by", metavar="NAME", help="Whose approval does not count; again for more."),
    ] = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say who validly approved what a hash names; exit 40 when they are too few.

    Examples:
      dcops records approvals $PLAN --people 2 --not-by operator-1 -i lab
    """
    from dcops.records.approval import Demand

    found = _approvals(inventory).require(subject, Demand(people, role, frozenset(not_by or ())))
    Out(as_json=as_json).result({"subject": subject, "approved_by": found}, f"approved by {', '.join(found)}")


def _journal(settings: Settings, inventory: str | None) -> "Journal":
    """Open the journal for writing; the environment is the inventory's."""
    from dcops.inventory import load
    from dcops.wiring.records import open_journal

    loaded = load(settings.inventory_root(writing_inventory(settings, inventory)))
    return open_journal(settings, loaded, loaded.environment)


def _approvals(inventory: str | None) -> "Approvals":
    from dcops.inventory import load
    from dcops.wiring.records import open_approvals, open_journal

    settings = Settings.load()
    loaded = load(settings.inventory_root(writing_inventory(settings, inventory)))
    return open_approvals(settings, loaded, open_journal(settings, loaded, loaded.environment))


def _moment(text: str | None) -> "datetime | None":
    """Read an RFC 3339 time, or a duration that means so long ago."""
    from datetime import timedelta

    from dcops.core.clock import parse_rfc3339, utc_now
    from dcops.core.errors import ParseError
    from dcops.core.units import parse_duration

    if text is None:
        return None
    try:
        return utc_now() - timedelta(seconds=parse_duration(text))
    except (ParseError, OverflowError):
        pass
    try:
        return parse_rfc3339(text)
    except (ParseError, OverflowError):
        hint = "Write 2026-11-24T04:00:00Z, or 90m for ninety minutes ago."
        raise UsageError(f'"{text}" is no time', hint=hint) from None


def _seconds(text: str | None) -> float | None:
    from dcops.core.errors import ParseError
    from dcops.core.units import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ParseError as error:
        raise UsageError(error.message, where="--valid", hint=error.hint) from None
