"""Collects what a script would do while it is walked, and turns it into a Manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from opsagent.adapters.analysers.shell.paths import candidates, has_glob, may_meet
from opsagent.adapters.analysers.shell.words import ANY, BELOW, QUERY, STAR, Word, shown
from opsagent.domain.command_table import Tables
from opsagent.domain.manifest import Invocation, Manifest, Proof

_MAX_FOLDERS = 16


def _keep(items: dict[str, None], value: str) -> None:
    items[value] = None


@dataclass(slots=True)
class Findings:
    """`protected` are path patterns of the agent's own data: they stand above approval. `folder` is where it starts."""

    tables: Tables
    protected: tuple[str, ...] = ()
    folder: str = ""
    invocations: list[Invocation] = field(default_factory=list)
    reads: dict[str, None] = field(default_factory=dict)
    writes: dict[str, None] = field(default_factory=dict)
    deletes: dict[str, None] = field(default_factory=dict)
    contacts: dict[str, None] = field(default_factory=dict)
    services: dict[str, None] = field(default_factory=dict)
    processes: dict[str, None] = field(default_factory=dict)
    executes: dict[str, None] = field(default_factory=dict)
    secrets: dict[str, None] = field(default_factory=dict)
    forbidden: dict[str, None] = field(default_factory=dict)
    under: dict[str, None] = field(default_factory=dict)
    effects: dict[str, None] = field(default_factory=dict)
    unknowns: dict[str, None] = field(default_factory=dict)
    reversible: list[bool | None] = field(default_factory=list)
    privileged: bool = False
    folders: list[str] = field(default_factory=list)
    settled: bool = False  # every folder the script can stand in is known: a second pass

    def __post_init__(self) -> None:
        self.folders = self.folders or [self.folder]

    # -- verdict words -------------------------------------------------------------------------------------------

    def unknown(self, reason: str) -> None:
        """Something could not be proven."""
        _keep(self.unknowns, reason)

    def effect(self, reason: str, *, reversible: bool | None = None) -> None:
        """Something is known to change."""
        _keep(self.effects, reason)
        self.reversible.append(reversible)

    def secret(self, reason: str) -> None:
        """Something would be revealed that a person should decide about."""
        _keep(self.secrets, reason)

    def forbid(self, reason: str) -> None:
        """No approval can allow this."""
        _keep(self.forbidden, reason)

    def dangerous(self, name: str) -> bool:
        """Whether a variable decides which program runs or what it does."""
        return any(fnmatchcase(name, pattern) for pattern in self.tables.dangerous_variables)

    # -- paths ---------------------------------------------------------------------------------------------------

    def enter(self, word: Word) -> None:
        """The script changes its folder; relative paths may start there."""
        if self.settled:
            return
        if word.unknown or word.many:
            self.folders = [ANY]
            return
        found = {path for one in word.alternatives for path in candidates(one, self.folders)}
        self.folders = list(dict.fromkeys([*self.folders, *sorted(found)]))
        if len(self.folders) > _MAX_FOLDERS:
            self.folders = [ANY]

    def lost(self) -> None:
        """The script changes its folder in a way that cannot be followed (a relative step inside a loop)."""
        self.folders = [ANY]

    def look(self, word: Word) -> None:
        """A path whose name, size or rights are looked at."""
        for one in word.alternatives:
            _keep(self.reads, shown(one))
            self._watch(one, tree=False)

    def read(self, word: Word, *, tree: bool = False) -> None:
        """A file (or with `tree` every file below a folder) whose content is read."""
        if word.unknown:
            self.unknown(f"cannot tell which file is read: {word.shown}")
        for one in word.alternatives:
            if one in self.tables.harmless_paths or one == "-":
                continue
            _keep(self.reads, shown(one))
            root, below, _ = one.partition("/" + BELOW)
            self._watch(root or "/" if below else one, tree=tree or bool(below))
            if not word.unknown:
                self._sensitive(root or "/" if below else one, tree=tree or bool(below))
            self._guard(root or "/" if below else one, "reads", tree=tree or bool(below))

    def write(self, word: Word) -> None:
        """A file that is made or changed."""
        for one in word.alternatives:
            if one in self.tables.harmless_paths or one == "-":
                continue
            for where in self._placed(one):
                _keep(self.writes, shown(where))
            self._watch(one, tree=False)
            self.effect(f"writes {shown(one)}")
            self._guard(one, "changes", tree=False)
            for path in candidates(one, self.folders):
                for listed, words in self.tables.forbidden_writes:
                    if not word.unknown and may_meet(path, listed):
                        self.forbid(f"{words} ({shown(one)})")

    def delete(self, word: Word, *, tree: bool = False) -> None:
        """A path that is removed."""
        for written in word.alternatives:
            root, below, _ = written.partition("/" + BELOW)
            one = (root or "/") if below else written
            tree = tree or bool(below)
            for where in self._placed(one):
                _keep(self.deletes, shown(where))
            self._watch(one, tree=True)
            self.effect(f"deletes {shown(one)}" + (" and everything below it" if tree else ""), reversible=False)
            self._guard(one, "deletes", tree=True)
            if tree:
                self._roots(one, "deletes")
            for path in candidates(one, self.folders):
                for listed, words in self.tables.forbidden_writes:
                    if not word.unknown and may_meet(path, listed):
                        self.forbid(f"{words} ({shown(one)})")

    def execute(self, word: Word) -> None:
        """A file that is run as a program or script, wherever the script may stand by then."""
        for one in word.alternatives:
            for where in self._placed(one):
                _keep(self.executes, shown(where))
            self._watch(one, tree=False)

    def change_tree(self, word: Word) -> None:
        """Rights or owners changed on everything below a path."""
        for one in word.alternatives:
            for where in self._placed(one):
                _keep(self.writes, shown(where))
            self._watch(one, tree=True)
            self.effect(f"changes everything below {shown(one)}", reversible=False)
            self._guard(one, "changes", tree=True)
            self._roots(one, "changes")

    def _placed(self, path: str) -> Sequence[str]:
        """Where a written path lies: as written, and in the folder the script moved to."""
        if path.startswith(("/", "~")) or len(self.folders) == 1:
            return (path,) if self.folders != [ANY] or path.startswith(("/", "~")) else (ANY + "/" + path,)
        return candidates(path, self.folders)

    def _roots(self, path: str, verb: str) -> None:
        """Above approval: a whole system folder (or all of its content, by a glob)."""
        for candidate in candidates(path, self.folders):
            clean = candidate.rstrip("/").removesuffix("/" + STAR).removesuffix("/." + STAR).rstrip("/") or "/"
            if candidate.startswith("/") and (clean in self.tables.system_roots or clean in {"/" + STAR, "/" + QUERY}):
                self.forbid(f"{verb} the system folder {shown(candidate)}")

    def _sensitive(self, path: str, *, tree: bool) -> None:
        for candidate in candidates(path, self.folders):
            plain = has_glob(candidate) and any(may_meet(candidate, quiet) for quiet in self.tables.quiet_folders)
            for listed, words in self.tables.sensitive:
                if plain and listed.startswith("**/"):
                    continue  # a glob among logs or kernel files: names there are not chosen to hold secrets
                below = tree and (not listed.startswith("**/") or not candidate or candidate.startswith(("~", ANY)))
                if may_meet(candidate, listed) or (below and may_meet(candidate.rstrip("/") + "/" + ANY, listed)):
                    self.secret(f"{words}: {shown(path)}" if not tree else f"{words} lies below {shown(path) or '.'}")
                    return
        if tree and any(not candidate for candidate in candidates(path, self.folders)):
            self.secret(f"everything below the current folder is read ({shown(path) or '.'}): it may hold keys")

    def _watch(self, path: str, *, tree: bool) -> None:
        """The folders that rules speak of; a path that is written without one lies where the command starts."""
        for watched in self.tables.watched:
            for candidate in candidates(path, self.folders):
                at = ANY + candidate[1:] if candidate.startswith("~") else candidate
                below = tree and at.startswith(("/", ANY)) and may_meet(at.rstrip("/") + "/" + ANY, watched)
                if below or may_meet(at, watched) or may_meet(at, watched.rstrip("/") + "/**"):
                    _keep(self.under, watched)

    def _guard(self, path: str, verb: str, *, tree: bool) -> None:
        """The agent's own data folder."""
        for own in self.protected:
            for candidate in candidates(path, self.folders):
                inside = may_meet(candidate, own) or may_meet(candidate, own + "/**")
                above = tree and candidate.startswith("/") and may_meet(candidate.rstrip("/") + "/" + ANY, own)
                if (inside and ANY not in candidate) or (above and verb != "reads"):
                    self.forbid(f"{verb} the agent's own data ({shown(path)})")
                elif above:
                    self.secret(f"the agent's own data lies below {shown(path)}")

    # -- result --------------------------------------------------------------------------------------------------

    def manifest(self) -> Manifest:
        """Everything found, as one Manifest."""
        proof = Proof.UNKNOWN if self.unknowns else Proof.EFFECT if self.effects else Proof.READ
        flags = self.reversible
        reversible = None if not flags else False if False in flags else True if all(flags) else None
        return Manifest(
            proof=proof,
            invocations=tuple(self.invocations),
            reads=tuple(self.reads),
            writes=tuple(self.writes),
            deletes=tuple(self.deletes),
            contacts=tuple(self.contacts),
            services=tuple(self.services),
            processes=tuple(self.processes),
            executes=tuple(self.executes),
            sensitive=tuple(self.secrets),
            forbidden=tuple(self.forbidden),
            under=tuple(self.under),
            privileged=self.privileged,
            reversible=reversible if proof is not Proof.READ else None,
            reasons=(*self.unknowns, *self.effects),
        )
