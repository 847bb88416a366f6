"""What the journals say of a run's snapshots, whatever kind of record said it. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from dcops.backup.model import Snapshot
from dcops.core.words import Frozen

_SHORTEST_ID = 8


class VouchedSnapshot(Frozen):
    """A snapshot as a receipt names it: its id, or the first digits where restic before 0.15 gave no more."""

    id: str
    tree: str = ""


class Voucher(Frozen):
    """A receipt of a run, good or bad, or of a copy.

    Attributes:
        is_complete: the run said that the set is whole.
        started_at, finished_at: between these the snapshots were taken; of a copy, those of the run that made them.
        recorded_at: when the record was written, by its envelope; of a copy, when the run's own receipt was.
        shown_by: the record.
    """

    application: str
    run: str
    is_complete: bool
    snapshots: tuple[VouchedSnapshot, ...]
    started_at: datetime
    finished_at: datetime
    recorded_at: datetime
    shown_by: str


class Vouchers:
    """Receipts, found by the snapshots they name and by run; a repository has thousands of both."""

    def __init__(self, vouchers: Iterable[Voucher]) -> None:
        self._by_id: dict[str, list[tuple[str, VouchedSnapshot, Voucher]]] = defaultdict(list)
        self._by_run: dict[str, list[Voucher]] = defaultdict(list)
        for voucher in vouchers:
            self._by_run[voucher.run].append(voucher)
            for each in voucher.snapshots:
                if len(each.id) >= _SHORTEST_ID:
                    self._by_id[each.id[:_SHORTEST_ID]].append((each.id, each, voucher))

    def naming(self, snapshot: Snapshot) -> list[tuple[VouchedSnapshot, Voucher]]:
        """Give the receipts that name a snapshot, and as what."""
        found = self._by_id.get(snapshot.id[:_SHORTEST_ID], [])
        return [(named, voucher) for begin, named, voucher in found if snapshot.id.startswith(begin)]

    def of_run(self, run: str) -> list[Voucher]:
        """Give the receipts of a run."""
        return self._by_run.get(run, [])
