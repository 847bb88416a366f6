"""The numbers operators decide: thresholds, intervals, ages. The policy text gives none, so each is a `Value`."""

from pydantic import Field

from dcops.core.units import Seconds
from dcops.core.words import Frozen, Value
from dcops.inventory.model.base import Count, Number


class Band(Frozen):
    """Limits of one quantity: outside `warning` a look, outside `critical` a person; each side may be unset."""

    warning_low: Value[Number] | None = None
    warning_high: Value[Number] | None = None
    critical_low: Value[Number] | None = None
    critical_high: Value[Number] | None = None
    hold: Value[Seconds] | None = None


class Ages(Frozen):
    """How old a thing may be before it is due (`warning`) and overdue (`critical`)."""

    warning: Value[Seconds] | None = None
    critical: Value[Seconds] | None = None


class Environmental(Frozen):
    """Limits at the equipment's air inlet, of power, fuel and energy."""

    inlet_temperature_celsius: Band = Field(default_factory=Band)
    inlet_dew_point_celsius: Band = Field(default_factory=Band)
    inlet_relative_humidity_ratio: Band = Field(default_factory=Band)
    fuel_remaining: Ages = Field(default_factory=Ages)
    power_side_load_ratio: Band = Field(default_factory=Band)
    power_usage_effectiveness: Band = Field(default_factory=Band)


class Availability(Frozen):
    """How long what may be down."""

    site_availability_ratio: Value[Number] | None = None
    service_availability_ratio: Value[Number] | None = None
    upstream_down: Ages = Field(default_factory=Ages)
    yearly_allowance_used_ratio: Band = Field(default_factory=Band)


class Continuity(Frozen):
    """How often recovery is proved and how copies are kept; how soon a lost network device serves again.

    `evidence_sealed_within`: how soon after a run its evidence has its time stamp.
    """

    drill_age: Ages = Field(default_factory=Ages)
    restore_test_age: Ages = Field(default_factory=Ages)
    device_recovery: Value[Seconds] | None = None
    evidence_sealed_within: Value[Seconds] | None = None
    recovery_kit_age: Value[Seconds] | None = None
    backup_copies: Value[Count] | None = None
    backup_media: Value[Count] | None = None
    backup_off_site_copies: Value[Count] | None = None
    backup_append_only_copies: Value[Count] | None = None
    backup_minimum_verified: Value[Count] | None = None
    backup_keep_within: Value[Seconds] | None = None
    backup_observation_age: Value[Seconds] | None = None


class Capacity(Frozen):
    """When growth needs a decision: time left until a resource is used up."""

    exhaustion: Ages = Field(default_factory=Ages)
    report_interval: Value[Seconds] | None = None


class Reviews(Frozen):
    """Intervals of reviews and audits."""

    operations_evaluation: Value[Seconds] | None = None
    policy_review: Ages = Field(default_factory=Ages)
    infrastructure_audit: Ages = Field(default_factory=Ages)
    application_audit: Ages = Field(default_factory=Ages)


class Policy(Frozen):
    """Everything an inventory decides beside its equipment."""

    environmental: Environmental = Field(default_factory=Environmental)
    availability: Availability = Field(default_factory=Availability)
    continuity: Continuity = Field(default_factory=Continuity)
    capacity: Capacity = Field(default_factory=Capacity)
    reviews: Reviews = Field(default_factory=Reviews)
