"""What a manifest says: paths, contacts, services, scripts in scripts, and words for a tired person."""

from __future__ import annotations

import pytest

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.analysers.shell.parser import ShellParser, Unparsed
from opsagent.domain.command import Command
from opsagent.domain.command_table import Tables
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Proof

ANYWHERE = Connection(id="c", tenant="t", name="c")


async def of(analyser, text, **fields):
    return await analyser.analyse(Command(executor="shell", text=text, connection_id="c", **fields), ANYWHERE)


async def test_what_is_read_written_and_deleted(analyser):
    manifest = await of(analyser, "sort /var/log/a > out/b; rm -f old 'x y'; cp a /tmp/b")
    assert manifest.proof is Proof.EFFECT
    assert manifest.reads == ("/var/log/a", "a")
    assert manifest.writes == ("out/b", "/tmp/b")
    assert manifest.deletes == ("old", "x y")
    assert manifest.reversible is False


async def test_a_folder_the_script_moves_to_is_followed(analyser):
    manifest = await of(analyser, "cd /etc && touch x")
    assert "/etc/x" in manifest.writes


async def test_services_processes_and_contacts(analyser):
    manifest = await of(analyser, "sudo systemctl restart nginx; kill -HUP 123; curl -s http://Db01:8080/x")
    assert manifest.services == ("nginx",)
    assert manifest.processes == ("123",)
    assert manifest.contacts == ("db01:8080",)
    assert manifest.privileged
    restart = await of(analyser, "systemctl restart nginx")
    assert restart.reversible is True


async def test_every_invocation_is_listed_wherever_it_hides(analyser):
    text = 'a; b | c && (d; e `f`); r "$(g)" <(h); if i; then j; fi; k() { l; }; sh -c "m; bash -c n"; x=$(o)\n'
    text += "p <<E\n$(q)\nE\n"
    manifest = await of(analyser, text)
    names = {one.name for one in manifest.invocations}
    assert set("abcdefghijlmnopq") <= names
    assert manifest.proof is Proof.UNKNOWN


async def test_a_dynamic_word_is_none(analyser):
    manifest = await of(analyser, "$X a $Y 'b c'")
    assert manifest.invocations[0].name is None
    assert manifest.invocations[0].arguments == ("a", None, "b c")


async def test_nesting_has_an_end(analyser):
    text = "ls"
    for _ in range(5):
        text = "bash -c " + "'" + text.replace("'", "'\\''") + "'"
    assert (await of(analyser, text)).proof is Proof.READ
    for _ in range(3):
        text = "bash -c " + "'" + text.replace("'", "'\\''") + "'"
    manifest = await of(analyser, text)
    assert manifest.proof is Proof.UNKNOWN
    assert any("nested" in reason for reason in manifest.reasons)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("sort -o x y", "-o"),
        ("frobnicate", "not in the tables"),
        ("./deploy.sh", "not a program of this system"),
        ("echo 'x", "does not parse"),
        ("cat $X", "which file"),
        ("awk '{print > \"f\"}' x", "writes to a file"),
        ("sort -n $N x", "could turn into an option"),
        ("eval ls", "runs text as a command"),
        ("ls \0", "NUL"),
        ("ls \\", "backslash"),
        ("ls\r", "carriage"),
    ],
)
async def test_reasons_are_words_a_tired_person_understands(analyser, text, word):
    manifest = await of(analyser, text)
    assert manifest.proof is not Proof.READ
    assert word in " ".join(manifest.reasons)


@pytest.mark.parametrize(
    "text", ["ls \u202e x", "ls\u200b", "ls \u2066x", "l\u200ds", "ls \x1b[2K", "ls \x00", "ls \ufeff"]
)
async def test_what_cannot_be_seen_is_denied(verdicts, text):
    (verdict,) = await verdicts([text])
    assert verdict.decision is Decision.DENY
    assert verdict.rule == "invisible-characters"


@pytest.mark.parametrize(
    "text", ["cat /srv/opsagent/store.db", "rm /srv/opsagent/x", "echo x > /srv/opsagent/x", "rm -rf /srv"]
)
async def test_the_agents_own_data_is_out_of_reach(verdicts, text):
    (verdict,) = await verdicts([text])
    assert (verdict.decision, verdict.rule) == (Decision.DENY, "forbidden")


async def test_looking_at_the_size_of_the_agents_data_is_fine(verdicts):
    (verdict,) = await verdicts(["du -sh /srv/opsagent"])
    assert verdict.decision is Decision.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        "rm -rf /", "rm -rf /*", "sudo rm -fr /usr", "bash -c 'rm -rf /etc'", "cd /; rm -rf etc", "find / -delete",
        "mkfs.ext4 /dev/sda1", "dd if=/dev/zero of=/dev/nvme0n1", "cat x > /dev/sda", ":(){ :|:& };:", "reboot",
        "sudo systemctl poweroff", "echo b > /proc/sysrq-trigger", "systemctl stop auditd", "kill -9 -1",
        "chmod -R 777 /", "nice rm -rf /var", "echo | xargs rm -rf /usr", "env LC_ALL=C rm -r /boot",
    ],
)  # fmt: skip
async def test_destruction_stands_above_approval(verdicts, text):
    (verdict,) = await verdicts([text])
    assert (verdict.decision, verdict.rule) == (Decision.DENY, "forbidden")


async def test_a_dangerous_environment_is_never_a_read(analyser):
    assert (await of(analyser, "ls", environment=(("TZ", "UTC"),))).proof is Proof.READ
    assert (await of(analyser, "ls", environment=(("LD_PRELOAD", "x"),))).proof is Proof.UNKNOWN


async def test_the_folder_a_command_starts_in_counts(analyser):
    assert not (await of(analyser, "cat shadow")).sensitive
    assert (await of(analyser, "cat shadow", cwd="/etc")).sensitive


async def test_without_the_parser_nothing_is_proven():
    parser = ShellParser(None)
    (only,) = await parser.parse(["ls"])
    assert isinstance(only, Unparsed)
    assert "not installed" in only.reason


async def test_texts_that_disturb_their_neighbours_are_told_apart(analyser):
    texts = [
        "ls",
        "echo 'a",
        "df -h",
        "b'",
        "cat <<X",
        "X",
        "if true; then",
        "fi",
        "(",
        ")",
        "free -m",
        "echo a |",
        "ls &",
    ]
    together = await analyser.analyse_all(texts, ANYWHERE)
    alone = [
        (await ShellAnalyser(ShellAnalyserConfig(), analyser._tables).analyse_all([text], ANYWHERE))[0]
        for text in texts
    ]
    assert [one.proof for one in together] == [one.proof for one in alone]
    assert [text for text, one in zip(texts, together, strict=True) if one.proof is Proof.READ] == [
        "ls", "df -h", "free -m", "ls &",
    ]  # fmt: skip


async def test_absolute_names_of_other_folders_only_when_an_admin_registered_them(analyser):
    assert (await of(analyser, "/usr/bin/df -h")).proof is Proof.READ
    assert (await of(analyser, "/opt/tools/df -h")).proof is Proof.UNKNOWN
    assert (await of(analyser, "/opt/tools/df -h")).executes == ("/opt/tools/df",)


async def test_empty_tables_prove_nothing():
    empty = ShellAnalyser(ShellAnalyserConfig(), Tables(commands={}))
    (manifest,) = await empty.analyse_all(["ls"], ANYWHERE)
    assert manifest.proof is Proof.UNKNOWN


@pytest.mark.parametrize(
    "text",
    ["sed -i s/a/b/ f g", "sed -i.bak -e s/a/b/ f g", "sed --in-place=.b --expression=s/a/b/ f g", "gsed -ni p f g"],
)
async def test_sed_in_place_writes_every_file(analyser, text):
    manifest = await of(analyser, text)
    assert manifest.proof is Proof.EFFECT
    assert manifest.writes == ("f", "g")
    assert not (await of(analyser, "sed s/a/b/ f g")).writes
