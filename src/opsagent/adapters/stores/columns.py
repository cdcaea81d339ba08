"""The kinds of columns the tables are made of."""

from __future__ import annotations

from sqlalchemy import Column, Double, Integer, MetaData, Text

metadata = MetaData()


def text_column(name: str) -> Column[str]:
    """Text that is always there."""
    return Column(name, Text, nullable=False)


def key_column(name: str) -> Column[str]:
    """A part of the primary key."""
    return Column(name, Text, nullable=False, primary_key=True)


def time_column(name: str, *, optional: bool = False) -> Column[float]:
    """Epoch seconds."""
    return Column(name, Double, nullable=optional)


def count_column(name: str, default: str | None = None) -> Column[int]:
    """A whole number."""
    return Column(name, Integer, nullable=False, server_default=default)
