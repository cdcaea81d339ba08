"""What of a statement is code, by the rules of the server it is for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.sql_text import code_of, first_word, names_in, runs_a_comment, without_quotes

PG, MY = "postgresql", "mysql"


@pytest.mark.parametrize(
    ("dialect", "text", "code"),
    [
        (PG, "-- don't\nselect 1; drop", "select 1; drop"),
        (MY, "-- don't\nselect 1; drop", "select 1; drop"),
        (MY, "# don't\nselect 1; drop", "select 1; drop"),
        (MY, "select 5--1 'x'", "select 5--1"),
        (PG, "select 5--1 'x'", "select 5"),
        (PG, "/* a /* b */ ' */ commit", "commit"),
        (MY, "/* a /* b */ commit", "commit"),
        (MY, "/*!50000 commit */", "commit"),
        (MY, "/*M!100100 commit */", "commit"),
        (MY, "select 1 as $$; drop t; select 2 as $$", "select 1 as $$; drop t; select 2 as $$"),
        (PG, "do $x$ a; $$ b; $x$ ; c", "do ; c"),
        (PG, "select a$b$c; d", "select a$b$c; d"),
        (PG, r"select '\'; d", "select ; d"),
        (PG, r"select E'\'; d'", "select"),
        (MY, r"select '\'; d'", "select"),
        (MY, r"select `\`; d", "select ; d"),
        (PG, "select 'never; closed", "select"),
        (MY, "select 'never; closed\\", "select"),
        (PG, "/* never; closed", ""),
    ],
)
def test_code_is_what_the_server_runs(dialect: str, text: str, code: str) -> None:
    assert " ".join(code_of(text, dialect).split()) == code


def test_the_first_word_stands_behind_comments_and_parentheses() -> None:
    assert first_word("-- free it\n/* now */ ( (Update t", MY) == "update"
    assert first_word("-- nothing", PG) == ""
    assert first_word("'update'", PG) == ""


def test_every_name_is_found() -> None:
    assert {"shop", "my t", "orders", "b`c"} <= names_in("update Shop.`my t`, orders set `b``c` = 'log' -- note", MY)
    assert not {"log", "note"} & names_in("update t set a = 'log' -- note", MY)
    assert names_in('select "A""b", ÉTÉ, $$no$$, \'no\' /* no */', PG) == {"select", 'A"b', "ÉtÉ"}


def test_a_comment_the_server_runs_is_told_from_one_in_quotes() -> None:
    assert runs_a_comment("-- it's\n/*! drop */", MY)
    assert not runs_a_comment("select '/*! drop */' /* plain */", MY)


@given(st.text(alphabet="aeE b'\"`$-/*#;!M\\\n\r", max_size=40), st.sampled_from([PG, MY]))
def test_every_position_stays(text: str, dialect: str) -> None:
    for kept in (without_quotes(text, dialect), code_of(text, dialect)):
        assert len(kept) == len(text)
        assert all(one in (" ", there) for one, there in zip(kept, text, strict=True))
