"""`dcops drill declare`: one of two signatures under the declaration of a disaster."""

from pathlib import Path
from typing import Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out
from dcops.core.errors import UsageError

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id, or any unique ending of one.")]


def declare(
    run_id: RunArgument,
    person: Annotated[
        str | None, typer.Option("--person", metavar="NAME", help="Who signs, by name in the inventory.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="SSH key to sign with; hardware and agent keys too.")
    ] = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the declaration that a run waits for; without --person and --key show it, and who has signed.

    Two approvers of the inventory must sign, with keys of their own, neither of them the operator. What is signed names
    this very run, its scenario and its words, so a signature serves for nothing else. To sign on another machine use
    dcops records approve with the SHA-256 that is shown here.

    Exit code 40: the signature is by none of the person's keys.

    \b
    Examples:
      dcops drill declare 5NBK7
      dcops drill declare 5NBK7 --person approver-1 --key ~/.ssh/id_ed25519_sk
    """
    from dcops.cli.drill import open_drills_here
    from dcops.records.approval import Demand
    from dcops.wiring.drill_declaration import ROLE, distinct, find_declaration
    from dcops.wiring.drills import journal_of
    from dcops.wiring.records import open_approvals

    if (person is None) != (key is None):
        raise UsageError("--person and --key go together")
    out = Out(as_json=as_json)
    drills = open_drills_here(inventory, is_writing=person is not None)
    asked = find_declaration(drills.settings, run_id)
    approvals = open_approvals(drills.settings, drills.inventory, journal_of(drills))
    if person is not None and key is not None:
        if person == asked.operator:
            hint = "Two others must sign."
            raise UsageError(
                f"{person} runs this drill, so their signature does not count", where="--person", hint=hint
            )
        approvals.sign(approvals.statement(asked.subject, person, reason=f"declares: {asked.text.en}"), str(key))
    names = approvals.granted(asked.subject, Demand(2, ROLE, frozenset({asked.operator})))
    signed = distinct([approvals.person(name) for name in names], approvals.find(asked.operator))
    lines = [
        f"drill {asked.drill}, run {asked.run}, {asked.environment.value}, operator {asked.operator}",
        f"  {asked.text.en}",
        f"  {asked.text.id}",
        f"sha256 {asked.subject}",
        f"signed by: {', '.join(signed) or 'nobody'}",
    ]
    document = {**asked.model_dump(mode="json"), "sha256": asked.subject, "signed_by": list(signed)}
    out.result(document, "\n".join(lines))
