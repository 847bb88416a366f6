"""What a drill's result says beside its measurements: the loss at worst, and the recovery at production's volume. Pure.

Both are reckoned from what was measured and from the inventory, and neither decides a verdict.
"""

from dcops.core.words import Frozen


class WorstPart(Frozen):
    """How much can be lost at worst of what one source brings back.

    Attributes:
        source: backup, archive (of the database's log) or standby.
        seconds: None when nothing bounds it, or it is not known.
        interval_seconds: between two runs by the policy; duration_seconds: of the longest run of late;
            copy_seconds: of the longest copy, where the first repository is lost together with the data.
        why: why `seconds` is not known; empty when it is.
    """

    source: str
    seconds: float | None = None
    interval_seconds: float | None = None
    duration_seconds: float | None = None
    copy_seconds: float | None = None
    why: str = ""


class RestoredPart(Frozen):
    """One part of an application that was restored: how much, in which time, and how much production holds of it.

    Attributes:
        part: database or files.
        seconds: of its own restore; None where the run does not tell.
        production_bytes: by the inventory; None when nobody wrote it there.
    """

    app: str
    part: str
    restored_bytes: int
    seconds: float | None = None
    production_bytes: int | None = None


class Projection(Frozen):
    """What the same recovery would take at production's volume: an estimate, by the rates that were measured.

    Attributes:
        rto_seconds: `fixed_seconds`, what did not depend on the volume, and `data_seconds`, the restore at that volume;
            None when production's volume is not known, or nothing was measured.
        factor: production's volume over what was restored: the larger, the less the estimate is worth.
        limit: what decides `data_seconds`: `all` (the rate of everything together), `database` or `files`.
        standing: of production's volume in the inventory: proposed, adopted or unset.
    """

    parts: list[RestoredPart]
    standing: str = "unset"
    production_bytes: int | None = None
    factor: float | None = None
    fixed_seconds: float | None = None
    data_seconds: float | None = None
    limit: str = ""
    rto_seconds: float | None = None
