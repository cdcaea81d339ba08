"""Reads commands with the AWS command line's own parser, and calls nothing: a stand-alone program.

Started as `python -I -S reader.py SITE`, with an empty environment. Each line of its input is a JSON list of words;
each line of its answer says what they mean. Every command is read in a forked child, because awscli keeps state in its
session from one command to the next. What would call AWS, run a command of the CLI's own, read a file or write one is
replaced by a note of it. The child cannot write a file, and gives up after some seconds.
"""

# ruff: noqa: SLF001, ARG001, ARG002 - it replaces private parts of awscli, keeping their signatures
from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import select
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

IDLE_S = 300.0  # then it ends, and its memory (a service's model takes megabytes) is free again
CPU_S, MEMORY_BYTES = 20, 2 * 1024**3
LONGEST = 100_000
_REGION = re.compile(r"[a-z0-9-]{1,63}")  # it becomes a part of host names
REFUSED: dict[str, Callable[[argparse.Namespace], bool]] = {
    "--endpoint-url": lambda one: one.endpoint_url is not None,
    "--no-verify-ssl": lambda one: not one.verify_ssl,
    "--profile": lambda one: one.profile is not None,
    "--ca-bundle": lambda one: one.ca_bundle is not None,
    "--no-sign-request": lambda one: not one.sign_request,
    "--debug": lambda one: one.debug,
    "--region": lambda one: one.region is not None and not _REGION.fullmatch(one.region),
}


class Refused(Exception):
    """The command line itself would not take it."""


class Unseen(Exception):
    """A value stands in a file, which is not read here."""


class Note:
    """What one command means."""

    def __init__(self) -> None:
        self.meaning: dict[str, Any] = {}
        self.files: list[str] = []
        self.writes: list[str] = []
        self.unseen = False

    def operation(self, command: Any, caller: Any, parameters: dict[str, Any]) -> None:
        """Note a call of a service; Refused where the service would not take the parameters."""
        from awscli.clidriver import CLIOperationCaller, ServiceOperation  # type: ignore[import-untyped]
        from awscli.customizations.waiters import WaiterStateCommand  # type: ignore[import-untyped]

        model = command._operation_model
        plain = type(command) is ServiceOperation and type(caller) is CLIOperationCaller
        kind = "operation" if plain else "wait" if type(command) is WaiterStateCommand else "command"
        self.meaning = {
            "kind": kind,
            "command": command.lineage_names,
            "service": model.service_model.service_name,
            "operation": model.name,
            "parameters": parameters,
        }
        if model.input_shape is not None and not self.files and not self.unseen:
            from botocore.validate import ParamValidator  # type: ignore[import-untyped]

            tokens = dict.fromkeys(model.idempotent_members, "token")
            sent = {name: value for name, value in parameters.items() if name != "PaginationConfig"}  # stays here
            report = ParamValidator().validate({**tokens, **sent}, model.input_shape)
            # awscli fills in some of what is missing as it calls; what it does not, AWS refuses
            wrong = [one for one in report._errors if one[0] != "missing required field"]
            if wrong:
                report._errors = wrong
                raise Refused(" ".join(report.generate_report().split()))

    def custom(self, command: Any, arguments: dict[str, Any]) -> None:
        """Note a command of the command line's own."""
        self.meaning = {"kind": "command", "command": command.lineage_names, "parameters": arguments}


def replace_doors(note: Note) -> None:
    """Put a note in the place of everything that would do something. In the child only."""
    from awscli import help as pages  # type: ignore[import-untyped]
    from awscli.clidriver import ServiceOperation
    from awscli.customizations import arguments, commands, iamvirtmfa, s3events, streamingoutputarg  # type: ignore[import-untyped]

    _replace_operations(note, ServiceOperation)
    _replace_customs(note, commands.BasicCommand)

    def refuse_help(*_: Any, **__: Any) -> NoReturn:
        raise Refused("it only shows help")

    for page in (commands.BasicHelp, *below(pages.HelpCommand)):
        page.__call__ = refuse_help

    def note_file(self: Any, parameters: Any, value: Any) -> None:
        if value is not None:
            note.writes.append(str(value))

    for kind in (
        streamingoutputarg.StreamingOutputArgument,
        s3events.S3SelectStreamOutputArgument,
        arguments.QueryOutFileArgument,
        iamvirtmfa.FileArgument,
    ):
        kind.add_to_params = note_file

    def refuse_words(self: Any, message: str) -> NoReturn:
        raise Refused(message)

    argparse.ArgumentParser.error = refuse_words  # type: ignore[method-assign]
    argparse.ArgumentParser.exit = lambda *_: refuse_words(None, "it only shows its version")  # type: ignore[method-assign]

    def refuse_network(*_: Any) -> NoReturn:
        raise OSError("nothing is called while a command is read")

    socket.socket.connect = refuse_network  # type: ignore[method-assign]


def _replace_operations(note: Note, operation: Any) -> None:
    call, unpack = operation.__call__, operation._unpack_arg

    def noted_call(self: Any, args: Any, parsed_globals: Any) -> Any:
        caller = self._operation_caller

        class Caller:
            def invoke(_, service: str, name: str, parameters: dict[str, Any], given: Any) -> int:  # noqa: N805 - `self` is the command
                note.operation(self, caller, parameters)
                return 0

        self._operation_caller = Caller()
        try:
            return call(self, args, parsed_globals)
        except Unseen:
            note.unseen = True
            note.operation(self, caller, {})
            return 0

    def noted_value(self: Any, argument: Any, value: Any, parsed_globals: Any) -> Any:
        try:
            return unpack(self, argument, value, parsed_globals)
        except Unseen:
            return None

    operation.__call__, operation._unpack_arg = noted_call, noted_value


def _replace_customs(note: Note, custom: Any) -> None:
    call = custom.__call__

    def noted_call(self: Any, args: Any, parsed_globals: Any) -> Any:
        def run(arguments: argparse.Namespace, _: Any) -> int:
            note.custom(self, vars(arguments))
            return 0

        self._run_main = run
        try:
            return call(self, args, parsed_globals)
        except Unseen:
            note.unseen = True
            note.custom(self, {})
            return 0

    custom.__call__ = noted_call


def below(kind: Any) -> list[Any]:
    """A class and all its subclasses."""
    return [kind, *(one for child in kind.__subclasses__() for one in below(child))]


def replace_files(note: Note) -> None:
    """Note the path of a file argument and read nothing."""
    from awscli import paramfile

    def unseen(prefix: str, path: str, **_: Any) -> NoReturn:
        note.files.append(path[len(prefix) :])
        raise Unseen

    for prefix, (_, options) in list(paramfile.LOCAL_PREFIX_MAP.items()):
        paramfile.LOCAL_PREFIX_MAP[prefix] = (unseen, options)
    for prefix in list(paramfile.REMOTE_PREFIX_MAP):
        paramfile.REMOTE_PREFIX_MAP[prefix] = (unseen, {})


def read(driver: Any, words: list[str]) -> dict[str, Any]:
    """What the words mean, or why they mean nothing."""
    from awscli.paramfile import register_uri_param_handler  # type: ignore[import-untyped]

    note = Note()
    replace_files(note)
    replace_doors(note)
    register_uri_param_handler(driver.session)
    try:
        table = driver._get_command_table()
        parsed, remaining = driver._create_parser(table).parse_known_args(words[1:])
        refused = [name for name, is_given in REFUSED.items() if is_given(parsed)]
        table[parsed.command](remaining, parsed)
    except (Refused, SystemExit) as error:
        return {"why": _first_line(error) or "the AWS command line does not take it"}
    except Exception as error:  # noqa: BLE001 - awscli raises of many kinds for what it does not take
        return {"why": _first_line(error) or type(error).__name__}
    if not note.meaning:
        return {"why": "it calls nothing"}
    return {**note.meaning, "files": note.files, "writes": note.writes, "unseen": note.unseen, "refused": refused}


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]).partition(", valid choices are")[0][:300]


def warm(driver: Any, words: list[str]) -> None:
    """Load the model of the service here, where it stays for the next command."""
    names = {one for one in words[1:8] if not one.startswith("-")}
    loader = driver.session.get_component("data_loader")
    for name in {"s3" if one == "s3api" else one for one in names} & set(driver.session.get_available_services()):
        with contextlib.suppress(Exception):
            loader.load_service_model(name, "service-2")
            loader.load_service_model(name, "waiters-2")


def answer(driver: Any, line: bytes, out: int) -> None:
    """Read one command in a child, which writes the answer; where it dies, say so."""
    words = json.loads(line)
    warm(driver, words)
    hears, says = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.close(hears)
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            text = json.dumps(read(driver, words), default=lambda one: f"<{type(one).__name__}>")
            if len(text) > LONGEST:
                text = json.dumps({"why": "it is too long to be told"})
            with open(says, "w", encoding="utf-8", closefd=False) as file:
                file.write(text)
        os._exit(0)
    os.close(says)
    with os.fdopen(hears, "rb") as file:
        told = file.read()
    os.waitpid(child, 0)
    os.write(out, (told or b'{"why": "its parser came to an end"}') + b"\n")


def main() -> None:
    """Answer line by line until the server goes, or nothing is asked for a while."""
    sys.path.append(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    out = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    from awscli.clidriver import create_clidriver

    driver = create_clidriver()
    waiting = b""
    while select.select([0], [], [], IDLE_S)[0]:
        data = os.read(0, 1 << 16)
        if not data:
            return
        *lines, waiting = (waiting + data).split(b"\n")
        for line in lines:
            answer(driver, line, out)


if __name__ == "__main__":
    main()
