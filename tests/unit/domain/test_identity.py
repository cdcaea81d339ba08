"""Who counts as one person, where a rule wants several or somebody else."""

from __future__ import annotations

import pytest

from opsagent.domain.identity import same_person


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("person:ada", "person:ada/1f2e3d4c", True),
        ("person:ada/11111111", "person:ada/22222222", True),
        ("person:Ada/11111111", "person:ada/22222222", True),
        ("cli:ada", "person:ada/11111111", True),
        ("person:a/b/11111111", "person:a/b/22222222", True),
        ("person:ada/11111111", "person:bob/22222222", False),
        ("person:a/b/11111111", "person:a/c/22222222", False),
        ("cli:root", "person:ada/11111111", False),
        ("service:ada/11111111", "person:ada/11111111", False),
        ("schedule:ada", "person:ada/11111111", False),
        ("slack:T1:U1", "slack:T1:U1", True),
        ("slack:T1:U1", "slack:T1:U2", False),
    ],
)
def test_the_same_name_is_one_person(one: str, other: str, same: bool) -> None:
    assert same_person(one, other) is same
    assert same_person(other, one) is same
