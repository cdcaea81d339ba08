"""From noun to wire: what became of a delivery, and those that could not be read."""

from __future__ import annotations

from collections.abc import Sequence

from opsagent.domain.quarantine import Quarantined
from opsagent.loop.intake import Taken
from opsagent.web import catalogue_wire, intake_wire
from opsagent.web.catalogue_views import joined_json
from opsagent.web.views import iso


def taken_json(taken: Taken) -> catalogue_wire.Received:
    """What became of a delivery."""
    tickets = [joined_json(one, signal) for one, signal in zip(taken.joined, taken.signals, strict=True)]
    return {"received": len(taken.signals), "tickets": tickets, "words": taken.words}


def quarantined_json(delivery: Quarantined) -> intake_wire.QuarantinedJson:
    """One delivery, without its body."""
    return {
        "deliveryId": delivery.id,
        "source": delivery.source,
        "receivedAt": iso(delivery.received_at),
        "times": delivery.times,
        "sizeBytes": delivery.size,
        "why": delivery.why,
        "fix": delivery.fix,
        "pointer": delivery.pointer,
    }


def quarantine_list(deliveries: Sequence[Quarantined]) -> intake_wire.QuarantineList:
    """All of them."""
    return {"deliveries": [quarantined_json(one) for one in deliveries]}


def quarantined_detail(delivery: Quarantined) -> intake_wire.QuarantinedDetail:
    """One delivery with its body; what is not UTF-8 in it is shown as escapes."""
    return {
        **quarantined_json(delivery),
        "headers": dict(delivery.headers),
        "body": delivery.body.decode("utf-8", "backslashreplace"),
        "cut": not delivery.whole,
    }
