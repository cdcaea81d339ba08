"""Whether work is taken in, from where, and what triage may do with it by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, StringConstraints

from opsagent.settings.area import Area, flag, setting

TopicArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$")]
_WORDS = {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}


def _mode(given: object) -> object:
    """It was a yes or no once, and YAML reads `on` and `off` as one."""
    if isinstance(given, bool):
        return "on" if given else "off"
    text = str(given).strip().lower()
    return _WORDS.get(text, text)


class IntakeSettings(Area):
    """The feature switch of S0, how alerts become problems, and what happens to noise."""

    enabled: bool = flag(
        "Take in new work. Off: intake answers 503, everything else stays readable.", on=True, alias="AGENT_OPS_ENABLED"
    )
    correlation_file: Path | None = setting(
        None, "YAML rules about which alerts are one problem; see docs/correlation.md. Unset: the shipped ones."
    )
    auto_close: Annotated[Literal["off", "shadow", "on"], BeforeValidator(_mode)] = setting(
        "off",
        "Close a ticket that was measured to be a false positive without asking: off, shadow (only count what it would "
        "have closed) or on. true and false stand for on and off.",
    )
    auto_close_least_percent: int = setting(
        90, "The least confidence in a false positive with which it is closed automatically.", ge=50, le=100
    )
    sns_topics: tuple[TopicArn, ...] = setting(
        (),
        "Topics (ARNs) of Amazon SNS that CloudWatch alarms are taken from; their signature is checked.",
        shown="none",
    )
    intake_mappings_folder: Path | None = setting(
        None, "Folder with your own mappings (YAML) for monitoring systems; see docs/monitoring.md."
    )
    heartbeat_minutes: int = setting(
        0,
        "Open a ticket when a source's Watchdog alert, seen once, has not come in for so many minutes. 0: off.",
        ge=0,
        le=10_080,
    )
