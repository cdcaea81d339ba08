"""`opsagent runbooks coverage`: which alerts have a runbook that works here; for people, and for CI."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json
from opsagent.cli.uses import in_words
from opsagent.domain.coverage import Cover
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.visible import one_line
from opsagent.errors import InputError, NotFound

Json = dict[str, Any]
_RULE_ENDINGS = ("*.yml", "*.yaml", "*.json", "*.rules")
_ENOUGH = {"ready": (Cover.READY,), "partly": (Cover.READY, Cover.PARTLY), "nothing": tuple(Cover)}


def coverage(
    *,
    alerts: Annotated[
        list[str],
        typer.Option("--alerts", metavar="RULES", help="A rule file, a folder of them, or a Prometheus' address."),
    ],
    links: Annotated[bool, typer.Option("--links", help="Also try the addresses in the rules.")] = False,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", metavar="ALERT", help="Leave this one out.")] = None,
    require: Annotated[
        str, typer.Option("--require", metavar="ready|partly|nothing", help="What each alert needs for exit code 0.")
    ] = "ready",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """For each alert rule: is there a runbook, does it work here, does it verify, when was it used. Runs nothing."""

    async def work(door: Door) -> Exit | None:
        if require not in _ENOUGH:
            raise InputError(f"--require {require} means nothing.", fix=f"Use one of {', '.join(_ENOUGH)}.")
        found: list[Json] = []
        for text, name in await _texts(alerts):
            found += (await door.library.coverage(text, name, links=links))["alerts"]
        left = [one for one in found if one["alert"] not in (ignore or [])]
        counts = Counter(one["cover"] for one in left)
        if as_json:
            say_json({"counts": counts, "alerts": left})
        else:
            for one in left:
                _say(one)
            words = ", ".join(f"{counts[cover.value]} {cover.value}" for cover in Cover)
            say(f"{len(left)} alerts: {words}.")
        return None if all(Cover(one["cover"]) in _ENOUGH[require] for one in left) else Exit.FAILED

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _say(one: Json) -> None:
    where = f"{one['runbookId']} on {one['target']}" if one["target"] else one["runbookId"] or one["why"]
    used = f"; {in_words(one['uses'])}" if one["uses"] else ""
    say(f"{one['cover'].upper():<6} {one_line(one['alert'])}: {where}{used}")
    for problem in one["problems"]:
        say(f"       - {one_line(problem)}")
    for note in one["notes"]:
        say(f"         {one_line(note)}")


async def _texts(places: list[str]) -> list[tuple[str, str]]:
    """(text, name) of every rule file that was named. NotFound, InputError, UnavailableError."""
    found: list[tuple[str, str]] = []
    for place in places:
        if place.startswith(("http://", "https://")):
            from opsagent.bootstrap.outfit import prometheus_rules

            found.append((await prometheus_rules(place), place))
            continue
        found += [(_read(file), str(file)) for file in _files(Path(place))]
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for ending in _RULE_ENDINGS for file in path.rglob(ending))
    if not files:
        raise InputError(f"There is no rule file in {path}.", fix=f"They end in {', '.join(_RULE_ENDINGS)}.")
    return files


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", fix="Check the path.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", fix="Mend its rights.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text.", fix="Save it as UTF-8.") from None
