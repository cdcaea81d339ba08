"""Reads the front matter of a runbook: who it is, which alerts it serves, its parameters and its measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opsagent.adapters.knowledge.fields import NAME, SLUG, Fields
from opsagent.adapters.knowledge.located import Located, Place, read_yaml
from opsagent.domain.priority import Priority
from opsagent.domain.render import check_value
from opsagent.domain.runbook import DEFAULT_PARAMETER_PATTERN, Check, Expect, Parameter
from opsagent.errors import InputError

EXECUTORS = ("shell", "sql", "http", "aws", "powershell")
KEYS = frozenset(
    {
        "id",
        "title",
        "aliases",
        "alerts",
        "measures",
        "guard",
        "labels",
        "severity",
        "connection",
        "owner",
        "summary",
        "parameters",
    }
)
_MEASURE_KEYS = ("run", "executor", "connection", "expect", "for", "every", "timeout")
# One sample can be luck, and a healthy measure may close a ticket: without `for` and `every`, five must agree.
DEFAULT_WINDOW_S = 2.0
LEAST_WINDOW_S = 0.1
LONGEST_DEFAULT_INTERVAL_S = 1.0
_PARAMETER_KEYS = ("pattern", "from", "default", "description")
# Without an id and without one of these it is the front matter of a site generator (Hugo, Jekyll, Docusaurus ...).
_OURS = frozenset({"alerts", "measures", "parameters", "severity", "owner", "connection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The front matter as values; `lines` maps a parameter or measure (`parameters.NAME`) to its line."""

    id: str = ""
    title: str = ""
    summary: str = ""
    severity: str = ""
    connection: str = ""
    owner: str = ""
    aliases: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    measures: Mapping[str, Check] = field(default_factory=dict)
    guard: Check | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    executable: bool = True


def split_front_matter(text: str, place: Place) -> tuple[str | None, str]:
    """The front matter (None: there is none) and the whole text with it blanked out, so that line numbers stay."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return None, text
    for index in range(1, len(lines)):
        if lines[index].rstrip() in {"---", "..."}:
            return "\n".join(lines[1:index]), "\n".join([""] * (index + 1) + lines[index + 1 :])
    raise place.error("the front matter is never closed", 1, "Close it with a line of three dashes: ---")


def read_header(block: str, place: Place) -> Header:
    """The header of an executable runbook, or of a site generator's page (`executable` is then False). RunbookError."""
    located = read_yaml(block, place, 2, "front matter")
    fields = Fields(place)
    keys = fields.mapping(located, "the front matter")
    if "id" not in keys and _OURS.isdisjoint(keys):
        title = keys["title"].value if "title" in keys else ""
        return Header(title=title if isinstance(title, str) else "", executable=False)
    fields.known(keys, KEYS, "the front matter")
    if "id" not in keys:
        raise place.error("the front matter has no id", 1, "Add a line such as: id: disk-full")
    return _Reader(fields, keys).header()


class _Reader:
    def __init__(self, fields: Fields, keys: Mapping[str, Located]) -> None:
        self.fields = fields
        self.keys = keys
        self.lines: dict[str, int] = {}

    def header(self) -> Header:
        alerts = self._texts("alerts")
        return Header(
            id=self._slug(),
            title=self._text("title", 200),
            summary=self._text("summary", 600),
            severity=self._severity(),
            connection=self._text("connection", 200),
            owner=self._text("owner", 200),
            aliases=self._texts("aliases"),
            alerts=alerts,
            labels=self._labels(),
            parameters=self._parameters(),
            measures=self._measures(alerts),
            guard=self._check("the guard", "guard", self.keys["guard"]) if "guard" in self.keys else None,
            lines=self.lines,
        )

    def _text(self, key: str, limit: int) -> str:
        return self.fields.text(self.keys[key], key, limit=limit) if key in self.keys else ""

    def _texts(self, key: str) -> tuple[str, ...]:
        return self.fields.texts(self.keys[key], key) if key in self.keys else ()

    def _slug(self) -> str:
        value = self._text("id", 64)
        if not SLUG.fullmatch(value):
            fix = "Use lower-case letters, digits and dashes: disk-full"
            raise self.fields.place.error(f"the id `{value}` is not a slug", self.keys["id"].line, fix)
        return value

    def _severity(self) -> str:
        value = self._text("severity", 20)
        if value and value not in set(Priority):
            fix = f"Use one of {', '.join(Priority)}."
            raise self.fields.place.error(f"the severity `{value}` is unknown", self.keys["severity"].line, fix)
        return value

    def _labels(self) -> dict[str, str]:
        if "labels" not in self.keys:
            return {}
        found = self.fields.mapping(self.keys["labels"], "labels")
        return {name: self.fields.text(value, f"the label {name}") for name, value in found.items()}

    def _parameters(self) -> tuple[Parameter, ...]:
        if "parameters" not in self.keys:
            return ()
        found = self.fields.mapping(self.keys["parameters"], "parameters")
        return tuple(self._parameter(name, value) for name, value in found.items())

    def _parameter(self, name: str, found: Located) -> Parameter:
        place = self.fields.place
        self.lines[f"parameters.{name}"] = found.line
        if not NAME.fullmatch(name) or name == "connection":
            raise place.error(
                f"`{name}` cannot name a parameter", found.line, "Use letters, digits and _, and not `connection`."
            )
        if found.value is None:
            return Parameter(name=name)
        if isinstance(found.value, str):
            return Parameter(name=name, pattern=self._pattern(name, found))
        given = self.fields.mapping(found, f"the parameter {name}")
        self.fields.known(given, _PARAMETER_KEYS, f"the parameter {name}")
        parameter = Parameter(
            name=name,
            pattern=self._pattern(name, given["pattern"]) if "pattern" in given else DEFAULT_PARAMETER_PATTERN,
            source=self.fields.text(given["from"], "from") if "from" in given else "",
            default=self.fields.text(given["default"], "default") if "default" in given else None,
            description=self.fields.text(given["description"], "description") if "description" in given else "",
        )
        if parameter.default is not None:
            self._check_default(parameter, given["default"].line)
        return parameter

    def _pattern(self, name: str, found: Located) -> str:
        what = f"the pattern of {name}"
        pattern = self.fields.pattern(found, what)
        # `Parameter.accepts` matches the whole value against the pattern without its anchors: that must compile too.
        self.fields.pattern(Located(pattern.removeprefix("^").removesuffix("$") or ".", found.line), what)
        return pattern

    def _check_default(self, parameter: Parameter, line: int) -> None:
        try:
            check_value(parameter.default or "", called=f"The default of {parameter.name}")
        except InputError as wrong:
            raise self.fields.place.error(wrong.message, line, wrong.fix) from wrong
        if not parameter.accepts(parameter.default or ""):
            raise self.fields.place.error(
                f"the default of {parameter.name} does not match its own pattern", line, "Change one of the two."
            )

    def _measures(self, alerts: tuple[str, ...]) -> dict[str, Check]:
        if "measures" not in self.keys:
            return {}
        found = self.fields.mapping(self.keys["measures"], "measures")
        for alert, value in found.items():
            if alert != "*" and alert not in alerts:
                fix = "Add it to alerts, or use '*' for every alert of this runbook."
                raise self.fields.place.error(
                    f"the measure for `{alert}` is for no alert of this runbook", value.line, fix
                )
        return {
            alert: self._check(f"the measure for {alert}", f"measures.{alert}", value) for alert, value in found.items()
        }

    def _check(self, what: str, key: str, found: Located) -> Check:
        fields = self.fields
        given = fields.mapping(found, what)
        fields.known(given, _MEASURE_KEYS, what)
        if "run" not in given:
            raise fields.place.error(f"{what} has no command", found.line, "Add run: and the command that measures it.")
        self.lines[key] = given["run"].line
        executor = fields.text(given["executor"], "executor") if "executor" in given else "shell"
        if executor not in EXECUTORS:
            raise fields.place.error(
                f"`{executor}` is no executor", given["executor"].line, f"Use one of {', '.join(EXECUTORS)}."
            )
        window, interval = self._window(given, what)
        return Check(
            text=fields.text(given["run"], "run", limit=8000),
            executor=executor,
            connection=fields.text(given["connection"], "connection") if "connection" in given else "",
            expect=fields.expect(given["expect"]) if "expect" in given else Expect(),
            window_s=window,
            interval_s=interval,
            timeout_s=fields.seconds(given["timeout"], "timeout", most=300.0) if "timeout" in given else 10.0,
        )

    def _window(self, given: Mapping[str, Located], what: str) -> tuple[float, float]:
        """For how long and how often it is measured, in seconds."""
        fields = self.fields
        window = fields.seconds(given["for"], "for") if "for" in given else DEFAULT_WINDOW_S
        if window < LEAST_WINDOW_S:
            raise fields.place.error("`for` must be at least 100ms", given["for"].line, "Choose a longer window.")
        if "every" not in given:
            return window, min(window / 4, LONGEST_DEFAULT_INTERVAL_S)
        interval = fields.seconds(given["every"], "every")
        if interval > window:
            fix = "Make `every` shorter." if "for" in given else f"Add for: (it is {window:g}s when left out)."
            raise fields.place.error(f"{what} looks less than once in its window", given["every"].line, fix)
        return window, interval
