from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from opsagent.settings import Settings
from opsagent.settings.area import environment_names
from opsagent.settings.reference import example_environment, example_yaml, markdown

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("file", "page", "made"),
    [
        ("docs/settings.md", "markdown", markdown),
        ("config.example.yaml", "yaml", example_yaml),
        (".env.example", "environment", example_environment),
    ],
)
def test_the_pages_are_equal_to_the_code(file: str, page: str, made) -> None:
    stored = (REPOSITORY / file).read_text(encoding="utf-8")
    assert stored == made(), f"python -m opsagent.settings {page} > {file}"


def test_the_example_file_loads_with_every_line_switched_on(tmp_path: Path) -> None:
    wanted = [line for line in example_yaml().splitlines() if not line.startswith("  #") or ": " in line]
    names = {f"# {name}:" for name in Settings.catalogue()}
    lines = [
        line.replace("# ", "", 1) if any(line.strip().startswith(name) for name in names) else line for line in wanted
    ]
    text = "\n".join(line for line in lines if '"..."' not in line and not line.strip().startswith("#"))
    secrets = sum('"..."' in line for line in lines)
    loaded = [value for area in yaml.safe_load(text).values() for value in area]
    assert len(loaded) >= len(Settings.catalogue()) - secrets
    (tmp_path / "config.yaml").write_text(text)
    loaded = Settings.load({"data_dir": tmp_path}, {"HOME": "/home/x"})
    assert loaded == Settings.load({"data_dir": tmp_path}, {"HOME": "/home/x", "OPSAGENT_CONFIG": "/dev/null"})


def test_the_example_environment_loads_with_every_line_switched_on() -> None:
    lines = [
        line[1:] for line in example_environment().splitlines() if line.startswith("#") and not line.startswith("# ")
    ]
    environ = dict(line.split("=", 1) for line in lines)
    assert len(environ) == len(Settings.catalogue())
    assert Settings.load({}, environ | {"HOME": "/home/x"}) == Settings.load({}, {"HOME": "/home/x"})


def test_no_two_settings_share_a_name() -> None:
    names = [name for _, name, _ in Settings.each()]
    variables = [variable for _, name, field in Settings.each() for variable in environment_names(name, field)]
    assert len(names) == len(set(names))
    assert len(variables) == len(set(variables))


def test_every_setting_has_words_and_its_unit_in_its_name() -> None:
    for _, name, field in Settings.each():
        assert field.description
        assert field.description.endswith((".", ").")), name
        if field.annotation is float:
            assert name.endswith("_seconds"), name
