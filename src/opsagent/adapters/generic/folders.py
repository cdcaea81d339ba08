"""Finds the mappings: those that are shipped, and those in the user's folder, which win."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from opsagent.adapters.generic.mapping import SourceMapping, read_mapping
from opsagent.errors import ConfigurationError

SHIPPED = Path(__file__).parent / "mappings"
MAX_MAPPINGS = 100


def load_mappings(folder: Path | None) -> dict[str, SourceMapping]:
    """By source. ConfigurationError naming the file that cannot be used."""
    return {**_shipped(), **_in(folder)} if folder is not None else dict(_shipped())


@cache  # they are part of the program
def _shipped() -> Mapping[str, SourceMapping]:
    return MappingProxyType(_in(SHIPPED))


def _in(folder: Path) -> dict[str, SourceMapping]:
    if not folder.is_dir():
        raise ConfigurationError(
            f"{folder} is no folder with mappings.", fix="Make it, or correct intake_mappings_folder."
        )
    files = sorted(one for one in folder.iterdir() if one.suffix in {".yaml", ".yml"})
    if len(files) > MAX_MAPPINGS:
        raise ConfigurationError(f"{folder} has {len(files)} mappings; {MAX_MAPPINGS} are taken.", fix="Remove some.")
    found: dict[str, SourceMapping] = {}
    for file in files:
        try:
            mapping = read_mapping(file.read_text(encoding="utf-8"), str(file))
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(f"The mapping {file} cannot be read.", fix="It must be a file of UTF-8.") from None
        if mapping.source in found:
            raise ConfigurationError(f"Two mappings in {folder} are for {mapping.source}.", fix="Keep one.")
        found[mapping.source] = mapping
    return found
