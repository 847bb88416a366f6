"""What a kit gives people to read: the sheet of each share's holder, page one, and the list of repositories. Pure."""

from collections.abc import Sequence

from dcops.kit.model import About, RepositoryFacts, Share
from dcops.kit.parse import BEGIN, END, share_text

REHEARSAL = "GLADI / REHEARSAL: made in a twin; its secrets open nothing of production."


def page_one(about: About, manifest_sha256: str, key_id: str) -> str:
    """Return the page that stands first in the archive, ASCII, one fact a line."""
    facts = {
        "kit": about.kit,
        "made": f"{about.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "inventory": about.inventory.name,
        "environment": about.inventory.environment.value,
        "revision": about.inventory.revision,
        "commit": about.commit,
        "shares": f"{about.threshold} of {about.shares}",
        "packages": f"Debian {about.debian}, Python {about.python}"
        if about.has_packages
        else "none: installing needs a network",
        "key": key_id,
        "manifest sha256": manifest_sha256,
    }
    lines = [about.format, *([REHEARSAL] if about.inventory.environment.is_rehearsal else [])]
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in facts.items())]) + "\n"


def sheet(share: Share, about: About, manifest_sha256: str, key_id: str, archive: str) -> str:
    """Return the page for the holder of a share: what it is, the four rows, and what to do with it."""
    rehearsal = [REHEARSAL] if about.inventory.environment.is_rehearsal else []
    return "\n".join([
        f"RECOVERY KIT                                        SHARE {share.index} OF {share.shares}",
        "",
        *rehearsal,
        f"kit              {about.kit}",
        f"archive          {archive}",
        f"inventory        {about.inventory.name}, revision {about.inventory.revision[:12]}",
        f"made             {about.created_at:%Y-%m-%d %H:%M} UTC",
        f"opens with       {share.threshold} different shares of {share.shares}",
        f"signed by key    {key_id}",
        f"manifest sha256  {manifest_sha256[:32]}",
        f"                 {manifest_sha256[32:]}",
        "holder           ________________________________",
        "",
        BEGIN,
        share_text(share),
        END,
        "",
        "Keep it where neither the kit nor another share lies. Who has this sheet alone can open nothing; tell the",
        "operators at once when it is lost: a new kit makes it worthless only together with new passwords.",
        "In a disaster: unpack the archive, compare `sha256sum MANIFEST` with this sheet, follow README.txt in it.",
        "Type the rows as they are; the last group of each row finds a typing error. O is 0, I and L are 1.",
        "",
    ])  # fmt: skip


def repositories_text(repositories: Sequence[RepositoryFacts]) -> str:
    """Return the list of repositories: where each is, who may log in, and which secrets open it."""
    blocks = []
    for each in repositories:
        logins = ", ".join(f"{user} (from {site})" for site, user in sorted(each.logins.items())) or "none"
        lines = [
            f"{each.name}",
            f"  holds      {each.application}, from {', '.join(each.sources) or 'unknown'}",
            f"  url        {each.url}",
            f"  host       {each.host}  {' '.join(each.addresses)}",
            f"  accounts   {logins}",
            f"  secrets    {', '.join(each.secrets)}",
            f"  authority  {each.ca or 'of the system'}",
        ]
        blocks.append("\n".join(lines))
    return "Backup repositories, and what opens each; secrets are files below secrets/ of the opened kit.\n\n" + (
        "\n\n".join(blocks) + "\n"
    )
