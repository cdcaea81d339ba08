"""Whether work is taken in, and what triage may do with it by itself."""

from __future__ import annotations

from opsagent.settings.area import Area, flag


class IntakeSettings(Area):
    """The feature switch of S0, and what happens to noise."""

    enabled: bool = flag(
        "Take in new work. Off: intake answers 503, everything else stays readable.", on=True, alias="AGENT_OPS_ENABLED"
    )
    auto_close: bool = flag(
        "Close a ticket that was measured to be a false positive without asking. Off: it is only said.", on=False
    )
