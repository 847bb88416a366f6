"""What a projection and a worst case are reckoned from, in the language of a page. Pure."""

from dcops.records.kinds.drill_volume import Projection, WorstPart
from dcops.reports import formats
from dcops.reports.language import Catalogue

_PIECES = ("interval_seconds", "duration_seconds", "copy_seconds")


def tell_worst(part: WorstPart, say: Catalogue) -> str:
    """Say how one part's worst case comes about; why it is not known is quoted as it was recorded."""
    source = say.known(f"worst.{part.source}", part.source)
    if part.seconds is None:
        return say("worst.unknown", source=source, why=part.why)
    pieces = [(name, getattr(part, name)) for name in _PIECES]
    told = " + ".join(
        say(f"worst.{name}", time=formats.duration(value, say.language)) for name, value in pieces if value is not None
    )
    return f"{source}: {told or formats.duration(part.seconds, say.language)}"


def tell_projection(projection: Projection, say: Catalogue) -> str:
    """Say what an estimate is reckoned from, or what is lacking for one."""
    language = say.language
    if projection.rto_seconds is None:
        lacking = [f"{part.app} {part.part}" for part in projection.parts if part.production_bytes is None]
        return say("projection.no_volume", parts=", ".join(lacking)) if lacking else say("projection.not_measured")
    return say(
        "projection.basis",
        fixed=formats.duration(projection.fixed_seconds, language),
        data=formats.duration(projection.data_seconds, language),
        volume=formats.size(projection.production_bytes, language),
        standing=say.known(f"standing.{projection.standing}", projection.standing),
        factor=formats.number(projection.factor, language, 1),
        limit=say.known(f"projection.limit_{projection.limit}", projection.limit),
    )
