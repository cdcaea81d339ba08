"""All settings together, and the one way to load them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Self

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo

from opsagent.settings.area import Area
from opsagent.settings.execution import ExecutionSettings
from opsagent.settings.found import Catalogue
from opsagent.settings.intake import IntakeSettings
from opsagent.settings.jira import JiraSettings
from opsagent.settings.keepers import KeeperSettings
from opsagent.settings.knowledge import KnowledgeSettings
from opsagent.settings.logs import LogSettings
from opsagent.settings.models import ModelSettings
from opsagent.settings.notify import NotifySettings
from opsagent.settings.oidc import OidcSettings
from opsagent.settings.people import PeopleSettings
from opsagent.settings.policy import PolicySettings
from opsagent.settings.security import SecuritySettings
from opsagent.settings.server import ServerSettings
from opsagent.settings.sessions import SessionSettings
from opsagent.settings.slack import SlackSettings
from opsagent.settings.sources import gather, refusal
from opsagent.settings.worker import WorkerSettings


class Settings(Area):
    """Every setting of OpsAgent. Field names are unique across the areas, so `OPSAGENT_<NAME>` is too."""

    server: ServerSettings = Field(default_factory=ServerSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    execution: ExecutionSettings = Field(default_factory=ExecutionSettings)
    policy: PolicySettings = Field(default_factory=PolicySettings)
    security: SecuritySettings = Field(default_factory=SecuritySettings)
    sessions: SessionSettings = Field(default_factory=SessionSettings)
    oidc: OidcSettings = Field(default_factory=OidcSettings)
    keepers: KeeperSettings = Field(default_factory=KeeperSettings)
    people: PeopleSettings = Field(default_factory=PeopleSettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)
    slack: SlackSettings = Field(default_factory=SlackSettings)
    intake: IntakeSettings = Field(default_factory=IntakeSettings)
    jira: JiraSettings = Field(default_factory=JiraSettings)
    knowledge: KnowledgeSettings = Field(default_factory=KnowledgeSettings)
    models: ModelSettings = Field(default_factory=ModelSettings)
    logs: LogSettings = Field(default_factory=LogSettings)

    @classmethod
    def load(cls, overrides: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """The settings in force: `overrides` (by field name) over the environment over the file over the defaults.

        `environ` is the process's environment unless given. The file is `OPSAGENT_CONFIG`, else `config.yaml` in the
        data folder, if there is one. Raises ConfigurationError naming the first setting that is wrong, where its
        value came from, and what to do; never the value of a secret.
        """
        catalogue = cls.catalogue()
        found = gather(catalogue, overrides or {}, os.environ if environ is None else environ)
        values: dict[str, dict[str, object]] = {}
        for name, one in found.items():
            values.setdefault(catalogue[name][0], {})[name] = one.value
        try:
            return cls.model_validate(values)
        except ValidationError as problem:
            raise refusal(catalogue, found, problem) from None

    @classmethod
    def catalogue(cls) -> Catalogue:
        """Each setting's name with its area and its field."""
        return {name: (area, field) for area, name, field in cls.each()}

    @classmethod
    def each(cls) -> Iterator[tuple[str, str, FieldInfo]]:
        """Area, name and field of every setting, in the order they are documented."""
        for area, holder in cls.model_fields.items():
            model = holder.annotation
            if isinstance(model, type) and issubclass(model, Area):
                for name, field in model.model_fields.items():
                    yield area, name, field
