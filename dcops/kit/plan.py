"""What goes into a kit, and what a kit lacks today. Pure."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from dcops.core.units import format_duration
from dcops.core.words import Status, Value
from dcops.inventory.custody import repositories, who_can_destroy
from dcops.inventory.model import Credential, CustodyDomain, Inventory
from dcops.kit.model import About, Gap, InventoryFacts, Line, RepositoryFacts, Today, Wanted

_FUTURE = timedelta(minutes=10)


def wanted_secrets(
    inventory: Inventory, repositories_: Sequence[RepositoryFacts]
) -> tuple[tuple[Wanted, ...], tuple[Gap, ...]]:
    """Return the secrets that recovery needs, sorted by file, and the credentials that never go in, with the reason.

    A person's own key stays with the person, and what could destroy a backup repository stays where it is: whoever
    brought the shares together must not be able to take the last copy away.
    """
    destroyers = {each.name for asset in repositories(inventory) for each in who_can_destroy(inventory, asset)}
    refs: dict[str, tuple[str, str]] = {}
    public, never = set(), set()
    gaps = []
    for name, each in inventory.credentials.items():
        why = _never(each, destroyers)
        if why:
            gaps.append(Gap(name=name, why=why))
            never.add(each.secret)  # whatever else names the same file
        else:
            refs[each.secret] = (name, each.purpose)
    for name, certificate in inventory.certificates.items():
        refs.setdefault(certificate.certificate, (f"certificate {name}", "public"))
        refs.setdefault(certificate.key, (f"certificate {name}, key", "proves to be one of its names"))
        public.add(certificate.certificate)
    for each_repository in repositories_:
        for ref in each_repository.secrets:
            refs.setdefault(ref, (ref.partition(":")[2], f"opens repository {each_repository.name}"))
        if each_repository.ca:
            refs.setdefault(each_repository.ca, (each_repository.ca.partition(":")[2], "certificate authority, public"))
            public.add(each_repository.ca)
    wanted = [
        Wanted(name, ref, file, purpose, ref in public)
        for ref, (name, purpose) in refs.items()
        if ref not in never and (file := _file_of(ref))
    ]
    return tuple(sorted(wanted, key=lambda each: each.file)), tuple(gaps)


def _never(credential: Credential, destroyers: Collection[str]) -> str:
    """Return why a credential never goes into a kit; empty when it does."""
    if credential.domain is CustodyDomain.PERSON:
        return "a person's own"
    if credential.name in destroyers:
        return "it could destroy a backup repository"
    if _file_of(credential.secret) is None:
        return "it lies outside the secrets folder; a new one is made"
    return ""


def _file_of(ref: str) -> str | None:
    """Return the file below the secrets folder that a restored secret becomes; None for one outside."""
    scheme, _, name = ref.partition(":")
    if scheme in ("file", "credential"):
        return None if name.startswith("/") or ".." in name.split("/") else name
    return f"{scheme}-{name.replace('/', '-').replace('#', '-')}"


def inventory_facts(inventory: Inventory, names: Iterable[str]) -> InventoryFacts:
    """Return what a kit says of its inventory; `names` are those of the backup repositories."""
    hosted = (key for key, each in inventory.applications.items() if each.devices())
    return InventoryFacts(
        name=inventory.name,
        environment=inventory.environment,
        revision=inventory.revision,
        devices=tuple(sorted(inventory.devices)),
        applications=tuple(sorted(hosted)),
        repositories=tuple(sorted(set(names))),
        credentials=tuple(sorted(inventory.credentials)),
    )


def judge(about: About, today: Today, now: datetime) -> list[Line]:
    """Return what holds a kit against today: its age, its inventory, its secrets, its packages."""
    return [
        _age(about, today.max_age, now),
        _inventory(about, today.inventory),
        _secrets(about, today),
        _packages(about),
    ]


def _age(about: About, max_age: Value[float] | None, now: datetime) -> Line:
    age = now - about.created_at
    shown = format_duration(max(0.0, float(round(age.total_seconds()))))
    if age < -_FUTURE:
        return Line("age", Status.FAIL, "it was made in the future: one of two clocks is wrong")
    if max_age is None or max_age.value is None:
        return Line("age", Status.UNKNOWN, f"{shown} old; the policy sets no recovery_kit_age")
    limit = f"{format_duration(max_age.value)} ({max_age.status.value})"
    if age.total_seconds() > max_age.value:
        return Line("age", Status.FAIL, f"{shown} old, allowed are {limit}: build a new one")
    return Line("age", Status.PASS, f"{shown} old, allowed are {limit}")


def _inventory(about: About, today: InventoryFacts) -> Line:
    kit = about.inventory
    if (kit.name, kit.environment) != (today.name, today.environment):
        return Line("inventory", Status.FAIL, f"the kit is of inventory {kit.name} ({kit.environment.value})")
    if kit.revision == today.revision:
        return Line("inventory", Status.PASS, f"revision {kit.revision[:12]}, as today")
    changed = [
        *_missing("device", kit.devices, today.devices),
        *_missing("application", kit.applications, today.applications),
        *_missing("repository", kit.repositories, today.repositories),
        *_missing("credential", kit.credentials, today.credentials),
    ]
    what = (
        "not in it: " + ", ".join(changed) if changed else "the same devices, applications, repositories, credentials"
    )
    reason = f"the kit is older than the inventory ({kit.revision[:12]}, today {today.revision[:12]}); {what}"
    return Line("inventory", Status.FAIL, reason)


def _missing(what: str, kit: Sequence[str], today: Sequence[str]) -> list[str]:
    return [f"{what} {name}" for name in today if name not in kit]


def _secrets(about: About, today: Today) -> Line:
    changed = [s.name for s in about.secrets if today.fingerprints.get(s.name) not in (None, s.fingerprint)]
    known = {each.name for each in about.secrets}
    new = [name for name in today.fingerprints if name not in known]
    if changed or new:
        parts = [f"changed since: {', '.join(changed)}"] if changed else []
        parts += [f"not in it: {', '.join(new)}"] if new else []
        return Line("secrets", Status.FAIL, f"outdated, {'; '.join(parts)}: build a new one")
    unseen = [each.name for each in about.secrets if today.fingerprints.get(each.name) is None]
    if unseen:
        shown = f"{len(about.secrets) - len(unseen)} of {len(about.secrets)} compared; not on this host"
        return Line("secrets", Status.UNKNOWN, f"{shown}: {', '.join(unseen)}")
    return Line("secrets", Status.PASS, f"all {len(about.secrets)} as on this host")


def _packages(about: About) -> Line:
    if about.has_packages:
        return Line("packages", Status.PASS, f"for Debian {about.debian}, Python {about.python}")
    return Line("packages", Status.WARN, "none in it: a bare machine needs a network to install")
