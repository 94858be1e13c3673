"""One question with a budget: what a person asked for, and where it stands."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.record import Record, Shape
from swarmd.state.units import Millis


class CampaignStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"
    CANCELLED = "cancelled"


CAMPAIGN_MOVES = Lifecycle(
    {
        CampaignStatus.ACTIVE: frozenset(
            {CampaignStatus.PAUSED, CampaignStatus.STOPPED, CampaignStatus.DONE, CampaignStatus.CANCELLED}
        ),
        CampaignStatus.PAUSED: frozenset({CampaignStatus.ACTIVE, CampaignStatus.STOPPED, CampaignStatus.CANCELLED}),
        CampaignStatus.STOPPED: frozenset({CampaignStatus.ACTIVE, CampaignStatus.CANCELLED}),
        CampaignStatus.DONE: frozenset({CampaignStatus.ACTIVE}),  # a job of it is tried again
        CampaignStatus.CANCELLED: frozenset(),
    }
)


class Spent(Shape):
    """What a campaign has used up: ``wall`` time of daemons, and lane time by kind of device (``cpu``, ``gpu``).

    ``nodes_cost`` is the money for the nodes of a cluster, each for the time it was there.
    """

    wall: Millis = 0
    device_time: dict[str, Millis] = Field(default_factory=dict)
    nodes_cost: float = 0.0


class Campaign(Record):
    """``id`` is the campaign's name; ``digest`` that of its resolved settings; ``data.root`` is absolute by now.

    ``started_at`` is when the present session took it up, ``spent`` what the sessions before it used up. Lane time
    stands in ``spent`` up to ``lanes_settled_at``, where that is later: of the runs before it some may be forgotten.
    Version 2 has rungs; a campaign of version 1 was planned without. ``places`` are the assets that a person moved
    in the queue, each with what stands for its tier's position.
    """

    KIND: ClassVar[str] = "campaign"
    VERSION: ClassVar[int] = 2

    settings: CampaignSettings
    digest: str
    file: str
    status: CampaignStatus
    started_at: Millis
    reason: str = ""
    spent: Spent = Spent()
    lanes_settled_at: Millis = 0
    places: dict[str, int] = Field(default_factory=dict)
