"""Gathers what a drill's figures are held beside: production's volume, and how much can be lost at worst."""

from collections.abc import Mapping

from dcops.backup.due import exposure
from dcops.backup.model import BackupPolicy
from dcops.core.errors import DcopsError
from dcops.core.settings import Settings
from dcops.drills.kinds import Catalogue
from dcops.drills.model import Drill, Scope
from dcops.drills.volume import ProductionVolume
from dcops.inventory import Inventory
from dcops.records.kinds.backup import Receipt
from dcops.records.kinds.backup_copies import BackupCopy
from dcops.records.kinds.backup_wal import WalReceipt
from dcops.records.kinds.drill_volume import WorstPart
from dcops.records.model import Record
from dcops.wiring.backup import load_policies
from dcops.wiring.backup_observe import device_of
from dcops.wiring.received import finished_at, records_everywhere
from dcops.wiring.records import open_journal

_MEASURED_RUNS = 7
_STANDBY = "the stand-by follows without a limit that the inventory sets"


def production_volumes(inventory: Inventory) -> dict[str, ProductionVolume]:
    """Give application -> how much data production holds, by the inventory."""
    found = {}
    for key, application in inventory.applications.items():
        told = application.operations.data_volume
        if told is not None and told.value is not None:
            found[key] = ProductionVolume(
                database_bytes=told.value.database, files_bytes=told.value.files, standing=told.status.value
            )
    return found


def worst_parts(settings: Settings, inventory: Inventory, drill: Drill, catalogue: Catalogue) -> tuple[WorstPart, ...]:
    """Give how much can be lost at worst of what the drill's recovery brings back, one part a source.

    From the policy and the records known here; never raises for those: what cannot be read is not known.
    """
    scope = drill.spec.scope
    actions = (catalogue.actions.get(step.uses) for step in drill.spec.recover if step.app in (None, scope.app))
    sources = dict.fromkeys(action.brings_back for action in actions if action and action.brings_back)
    if not sources or not scope.app:
        return ()
    try:
        policy = load_policies(inventory).get(scope.app)
        journal = open_journal(settings, inventory, inventory.environment)
        kinds = (Receipt.kind, BackupCopy.kind, WalReceipt.kind)
        records, _ = records_everywhere(settings, inventory, journal, *kinds)
    except DcopsError as error:
        return tuple(WorstPart(source=source, why=f"the records cannot be read: {error}") for source in sources)
    mine = [each for each in records if each.payload["application"] == scope.app]
    return tuple(_worst(source, policy, inventory, scope, mine) for source in sources)


def _worst(
    source: str, policy: BackupPolicy | None, inventory: Inventory, scope: Scope, records: list[Record]
) -> WorstPart:
    if source == "standby":
        return WorstPart(source=source, why=_STANDBY)
    if policy is None:
        return WorstPart(source=source, why="the application has no backup policy")
    if source == "archive":
        return _archive(policy, records)
    return _backup(policy, inventory, scope, records)


def _backup(policy: BackupPolicy, inventory: Inventory, scope: Scope, records: list[Record]) -> WorstPart:
    """Reckon interval, longest of the last runs and, where the first repository is lost too, longest copy."""
    payloads = [each.payload for each in records if each.envelope.kind == Receipt.kind]
    good = sorted(
        (Receipt.model_validate(dict(each)) for each in payloads if each["status"] == "done"),
        key=lambda receipt: receipt.started_at,
    )
    interval = policy.schedule.every if policy.schedule else None
    duration = max((each.duration_seconds for each in good[-_MEASURED_RUNS:]), default=None)
    at_worst = exposure(policy, good, None).worst_seconds
    device, _ = device_of(inventory, policy.repository.url)
    needs_copy = device is not None and device.site == scope.from_site
    copy = _longest_copy(records) if needs_copy else None
    why = "the policy has no schedule" if interval is None else "no run was measured yet" if duration is None else ""
    why = why or (
        "the first repository is at the lost site, and no copy was measured" if needs_copy and not copy else ""
    )
    seconds = None if why or at_worst is None else round(at_worst + (copy or 0.0), 3)
    return WorstPart(source="backup", seconds=seconds, interval_seconds=interval, duration_seconds=duration,
                     copy_seconds=copy, why=why)  # fmt: skip


def _longest_copy(records: list[Record]) -> float | None:
    done = [each for each in records if each.envelope.kind == BackupCopy.kind and each.payload["status"] == "done"]
    newest = sorted(done, key=finished_at)[-_MEASURED_RUNS:]
    return max((float(each.payload["duration_seconds"]) for each in newest), default=None)


def _archive(policy: BackupPolicy, records: list[Record]) -> WorstPart:
    """Take what the newest look at the archive found, else what the policy lets it be."""
    looks = sorted((each.payload for each in records if each.envelope.kind == WalReceipt.kind), key=_seen)
    seconds = looks[-1]["exposure_seconds"] if looks else None
    if seconds is None and policy.wal is not None:
        seconds = policy.wal.max_exposure.value
    if seconds is None:
        return WorstPart(source="archive", why="no look at the archive tells, and the policy sets no limit")
    return WorstPart(source="archive", seconds=float(seconds))


def _seen(payload: Mapping[str, object]) -> str:
    return str(payload["seen_at"])
