"""What the lint knows of an action or probe. Pure."""

from dcops.core.words import BlastClass, Frozen


class KindInfo(Frozen):
    """What the lint must know of an action or probe: its parameters, and for an action how it can hurt."""

    parameters: type[Frozen]
    blast: BlastClass = BlastClass.OBSERVE
    undone_by: tuple[str, ...] = ()
    is_fault: bool = False
    is_action: bool = False
    promotes: bool = False
    fences: bool = False
    permits_promotion: bool = False
    asks: bool = False
