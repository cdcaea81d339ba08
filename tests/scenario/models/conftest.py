"""A scripted model for each test, and a house that asks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from model_house import asking, obedient
from servers.model import ScriptedModel, scripted_model


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with scripted_model() as made:
        yield obedient(made)


@pytest.fixture
def make_thinking(make_house, model):
    """A house like the others', with the scripted model."""

    async def make(**changes: object):
        return await make_house(**asking(model, **changes))

    return make
