"""Says what one command of the AWS command line would do; nothing is called, and no credential is there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from opsagent.adapters.analysers.aws.judgement import manifest_of
from opsagent.adapters.analysers.aws.meaning import Unread
from opsagent.adapters.analysers.aws.process import ReaderProcess
from opsagent.adapters.analysers.aws.table import load_table
from opsagent.adapters.aws_cli import NotOneCommand, split_words
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof

_MOST_WORDS = 500


class AwsAnalyser:
    """Fulfils `ports.analyser.Analyser` for `aws SERVICE OPERATION --option value ...`."""

    def __init__(self) -> None:
        self._reader = ReaderProcess()

    async def analyse(self, command: Command, connection: Connection) -> Manifest:
        """The manifest of one command."""
        return await asyncio.to_thread(self._manifest, command.text, connection)

    async def analyse_all(self, texts: Sequence[str], connection: Connection) -> Sequence[Manifest]:
        """The manifests of many commands, in order."""
        return await asyncio.to_thread(lambda: [self._manifest(text, connection) for text in texts])

    def _manifest(self, text: str, connection: Connection) -> Manifest:
        try:
            words = split_words(text)
        except NotOneCommand as error:
            return _unknown(str(error))
        if len(words) < 2 or words[0] != "aws":
            return _unknown("it does not begin with `aws` and the name of a service")
        if len(words) > _MOST_WORDS:
            return _unknown(f"it has more than {_MOST_WORDS} words")
        meaning = self._reader.read(words)
        if isinstance(meaning, Unread):
            return _unknown(f"the AWS command line would not take it: {meaning.why}")
        return manifest_of(meaning, words, connection, load_table())


def _unknown(reason: str) -> Manifest:
    return Manifest(proof=Proof.UNKNOWN, reasons=(reason,))
