"""A command that ran, as a template again: which words become holes, and what rendering it gives back."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.connection import Connection
from opsagent.domain.generalise import generalise, outside_values
from opsagent.domain.languages import holes_in
from opsagent.domain.pattern import refusal
from opsagent.domain.render import Values, render

REGISTERED = {"unit": "shop.service", "folder": "/srv/shop"}
LABELS = {"instance": "web-1", "mount point": "/srv/my data", "job": "shop", "severity": "critical", "az": "b"}


@pytest.mark.parametrize(
    ("ran", "template"),
    [
        ("systemctl restart shop.service", "systemctl restart {{connection.unit}}"),
        ("df -h '/srv/my data' | tail -n 1", "df -h {{mount_point}} | tail -n 1"),
        ("ping -c 1 web-1; ping -c 1 web-1", "ping -c 1 {{instance}}; ping -c 1 {{instance}}"),
        ("docker restart shop", "docker restart {{job}}"),
        ("ls /srv/shop/logs", "ls /srv/shop/logs"),  # inside a word it stays
        ("shop status", "shop status"),  # a value never says which program runs
        ("sh -c 'restart shop'", "sh -c 'restart shop'"),
        ("echo critical b", "echo critical b"),
    ],
)
def test_whole_words_that_are_known_values_become_holes(ran: str, template: str) -> None:
    found = generalise("shell", [ran], registered=REGISTERED, outside=outside_values(LABELS))
    assert found.texts == (template,)


def test_parameters_are_declared_only_where_they_are_used() -> None:
    found = generalise("shell", ["df '/srv/my data'", "ls /var/web-1/x"], registered={}, outside=outside_values(LABELS))
    (parameter,) = found.parameters
    assert (parameter.name, parameter.source) == ("mount_point", "mount point")
    assert parameter.accepts("/srv/my data") and not parameter.accepts("/srv;reboot")
    assert found.given == {"mount_point": "/srv/my data"}
    assert found.notes == ("`web-1` is the label instance, and stands in the command as it was.",)


def test_languages_whose_values_are_bound_are_left_alone() -> None:
    found = generalise("sql", ["SELECT 'web-1'"], registered={}, outside=outside_values(LABELS))
    assert (found.texts, found.parameters, len(found.notes)) == (("SELECT 'web-1'",), (), 1)


VALUE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)


@given(values=st.lists(VALUE, min_size=1, max_size=4), extra=VALUE, registered=VALUE)
def test_filling_the_holes_gives_the_same_command(values: list[str], extra: str, registered: str) -> None:
    labels = {f"label{number}": value for number, value in enumerate(values)}
    ran = f"echo {' '.join(shlex.quote(one) for one in (*values, extra, registered))} | cat"
    found = generalise("shell", [ran], registered={"word": registered}, outside=outside_values(labels))
    (text,) = found.texts
    assert not any(hole.problem for hole in holes_in("shell", text))
    assert all(refusal(one.pattern) == "" for one in found.parameters)
    if any(one.startswith("-") or "{{" in one for one in (*values, extra, registered)):
        return  # such a value fills no hole, by rule
    connection = Connection(id="c", tenant="t", name="c", values={"word": registered})
    values_of = Values(declared=found.parameters, parameters=found.given, connection=connection)
    filled = render(text, values_of).text
    assert shlex.split(filled) == shlex.split(ran)
