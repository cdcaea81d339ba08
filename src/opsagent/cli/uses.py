"""How often a runbook was used and helped, in a few characters for a table or in words."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def helped(uses: Json) -> str:
    """`2 of 3`: measured healthy after so many of the runs that changed something; empty while nobody used it."""
    changed = uses["yes"] + uses["no"] + uses["notMeasurable"]
    return f"{uses['yes']} of {changed}" if changed else "looked" if uses["used"] else ""


def in_words(uses: Json) -> str:
    """The same as a sentence, with when it was used last and how that ended."""
    if not uses["used"]:
        return "never used"
    words = {"yes": "it helped", "no": "it did not help", "not_measurable": "nothing measured it"}
    times = "once" if uses["used"] == 1 else f"{uses['used']} times"
    last = words.get(uses["lastResult"], "nothing was changed")
    return f"used {times}, helped {helped(uses) if helped(uses) != 'looked' else 'none'}; last {uses['lastAt']}: {last}"
