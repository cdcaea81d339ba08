"""How it has gone, day by day: repaired without a person's hands, time to detect, time to repair, wrong closes."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from opsagent.web.dashboard.widgets.chart import Bar, chart
from opsagent.web.dashboard.widgets.words import took

_NOTHING = Markup(
    '<div class="empty"><strong>No ticket was looked at to its end yet.</strong>'
    "What was repaired, how soon, and what was closed wrongly is drawn here from the first one on.</div>"
)


def how_it_went(answer: dict[str, Any]) -> Markup:
    """Four cards of what `GET /api/v1/triage/days` says."""
    days, all_of_them = answer["days"], answer["together"]
    if not any(day[name] for day in days for name in ("repaired", "byItself", "remained", "unmeasured")):
        return _NOTHING
    lately = f"in {len(days)} days"
    left = all_of_them["remained"] + all_of_them["unmeasured"]
    fixed = chart(
        "Repaired by the agent",
        _share(all_of_them["fixed"]),
        f"{all_of_them['repaired']} of {all_of_them['repaired'] + left} that stayed, {lately}; "
        f"{all_of_them['byItself']} more went by themselves",
        [_fixed(day) for day in days],
        "Repaired",
    )
    detect = _times(
        "Time to detect", "secondsToDetect", answer, f"on average {lately}, from its begin until the ticket"
    )
    repair = _times("Time to repair", "secondsToRepair", answer, f"on average {lately}, until it was measured healthy")
    wrong = chart(
        "Wrong closes",
        str(all_of_them["wrong"]),
        f"of {all_of_them['closed']} closed without a person, {lately}",
        [_closed(day) for day in days],
        "Closed",
    )
    return Markup('<section class="charts" aria-label="Day by day">{}{}{}{}</section>').format(
        fixed, detect, repair, wrong
    )


def _fixed(day: dict[str, Any]) -> Bar:
    left = day["remained"] + day["unmeasured"]
    if not day["repaired"] + left:
        return Bar(day["date"], (), "")
    words = f"{day['repaired']} repaired, {left} not"
    return Bar(day["date"], (("good", day["repaired"]), ("bad", left)), words)


def _closed(day: dict[str, Any]) -> Bar:
    if not day["closed"]:
        return Bar(day["date"], (), "")
    words = f"{day['closed']} closed, {day['wrong']} of them wrong"
    return Bar(day["date"], (("bad", day["wrong"]), ("quiet", day["closed"] - day["wrong"])), words)


def _times(title: str, name: str, answer: dict[str, Any], under: str) -> Markup:
    bars = [
        Bar(day["date"], (("busy", day[name]),), _span(day[name]))
        if day[name] is not None
        else Bar(day["date"], (), "")
        for day in answer["days"]
    ]
    return chart(title, _span(answer["together"][name]), under, bars, "On average")


def _span(seconds: float | None) -> str:
    return "not known" if seconds is None else took(round(seconds * 1000))


def _share(rate: float | None) -> str:
    return "not known" if rate is None else f"{rate:.0%}"
