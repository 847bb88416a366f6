"""`dcops drill compare`: two runs side by side."""

from typing import TYPE_CHECKING, Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out
from dcops.records.kinds.drills import DrillResult

if TYPE_CHECKING:
    from dcops.drills.compare import Row

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id, or any unique ending of one.")]
# A step that took as long as before, give or take, is not what somebody who compares is looking for.
_NOTABLE_SECONDS = 0.5


def compare(
    first: RunArgument,
    second: RunArgument,
    every: Annotated[bool, typer.Option("--all", help="Every step, also those that took as long as before.")] = False,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put two recorded results side by side: what was run, every figure, and the steps that took longer or shorter.

    Give the older one first: a positive change means that the second took longer, or lost more. Another scenario,
    inventory or environment is marked, because figures of such runs cannot be compared without thinking.

    \b
    Examples:
      dcops drill compare 5NBK7 8QJ2M
      dcops drill compare 5NBK7 8QJ2M --all --json
    """
    from dcops.cli.drill import open_drills_here
    from dcops.drills.compare import compare as side_by_side
    from dcops.wiring.drills import find_result, journal_of

    out = Out(as_json=as_json)
    journal = journal_of(open_drills_here(inventory))
    chosen = [find_result(journal, each) for each in (first, second)]
    results = [DrillResult.model_validate(dict(each.payload)) for each in chosen]
    revisions = [(each.envelope.inventory_revision or "")[:12] for each in chosen]
    rows = side_by_side(results[0], results[1], (revisions[0], revisions[1]))
    if as_json:
        out.json(
            {
                "runs": [each.run for each in chosen],
                "rows": [{**vars(row), "differs": row.is_different} for row in rows],
            }
        )
        return
    shown = [row for row in rows if every or row.part != "step" or _is_notable(row)]
    cells = [(row.part, row.name, _cell(row.first), _cell(row.second), _difference(row)) for row in shown]
    out.table(cells, ("", "", *(str(each.run)[-8:] for each in chosen), "change"))


def _is_notable(row: "Row") -> bool:
    return row.is_different if row.change is None else abs(row.change) >= _NOTABLE_SECONDS


def _cell(value: str | int | float | None) -> str | None:
    if value is None:
        return None
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value[:26]


def _difference(row: "Row") -> str:
    if row.change is None:
        return "differs" if row.is_different else ""
    return "" if row.change == 0 else f"{row.change:+,.1f}"
