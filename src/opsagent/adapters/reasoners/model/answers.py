"""The shapes a model's answers must have. What does not fit is refused; what is more than asked for is dropped."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from opsagent.domain.pull_request import ChangedFile, PullRequest, terraform_step
from opsagent.domain.runbook import RunbookStep
from opsagent.domain.visible import one_line
from opsagent.errors import InputError

MOST_ANSWER_CHARS = 64 * 1024
MOST_STEPS = 12
MOST_GOALS = 6
MOST_COMMAND_CHARS = 4000
MOST_FILES = 10
MOST_FILE_CHARS = 16 * 1024
MOST_WORDS_CHARS = 600
_MOST_PROBLEMS = 3
A = TypeVar("A", bound="Answer")


def _words(text: str) -> str:
    """A model's words are outside text: on one line, with nothing hidden in them."""
    return one_line(text, MOST_WORDS_CHARS)


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("it holds a NUL character")
    return text


Words = Annotated[str, AfterValidator(_words)]
Name = Annotated[str, Field(max_length=200), AfterValidator(_storable)]


class Answer(BaseModel):
    """What every answer shares: unknown fields are dropped, since no field of a model gives it a right."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class GoalAnswer(Answer):
    """One goal of several; `after` are the places of those it builds on."""

    task: Annotated[str, Field(min_length=1), AfterValidator(_words)]
    after: tuple[Annotated[int, Field(ge=0, lt=MOST_GOALS)], ...] = Field(default=(), max_length=MOST_GOALS)
    kind: Literal["look", "change"] = "look"


class EvaluateAnswer(Answer):
    """Which way to go."""

    mode: Literal["plan", "fast", "end"]
    reason: Words
    runbook: Name = ""
    parameters: dict[str, str] = Field(default_factory=dict, max_length=50)
    goals: tuple[GoalAnswer, ...] = Field(default=(), max_length=MOST_GOALS)
    skill: Name = ""
    risk: Literal["low", "medium", "high"] | None = None
    opinion: Literal["real", "noise", "unclear"] = "unclear"


class FileAnswer(Answer):
    """A text file as it shall be; `replaces` says that it is there already."""

    path: Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_storable)]
    content: Annotated[str, Field(max_length=MOST_FILE_CHARS), AfterValidator(_storable)]
    replaces: bool = False


class ChangeAnswer(Answer):
    """Files in a model's words: `git_pr` proposes them to a repository's people, `generate_tf` checks Terraform."""

    tool: Literal["git_pr", "generate_tf"]
    api: Literal["github", "gitlab"] = "github"
    repository: Name = ""
    base: Name = "main"
    branch: Name = ""
    title: Words = ""
    body: Words = ""
    files: tuple[FileAnswer, ...] = Field(min_length=1, max_length=MOST_FILES)

    def changed(self) -> tuple[ChangedFile, ...]:
        """Its files, as the tools take them."""
        return tuple(ChangedFile(path=one.path, content=one.content, replaces=one.replaces) for one in self.files)

    def steps(self, connection: str, check_on: str) -> tuple[RunbookStep, ...]:
        """The steps it takes at the registered API `connection`, with a look at Terraform in the sandbox `check_on`."""
        if self.tool == "generate_tf":
            return (terraform_step(self.changed(), check_on),)
        return PullRequest(
            id="",
            title=self.title,
            api=self.api,
            connection=connection,
            repository=self.repository,
            base=self.base,
            branch=self.branch,
            body=self.body,
            files=self.changed(),
            check_on=check_on,
        ).steps()

    @model_validator(mode="after")
    def _can_be_done(self) -> ChangeAnswer:
        try:
            self.steps("anywhere", "anywhere")
        except InputError as error:
            raise ValueError(f"{error.message} {error.fix}") from None
        if self.tool == "git_pr" and not self.title:
            raise ValueError("a pull request needs a title")
        return self


class StepAnswer(Answer):
    """One command, or one change of files, in a model's words.

    Expectations are plain texts: a pattern could be made to take for ever.
    """

    name: Words = ""
    connection: Name = ""
    command: Annotated[str, Field(max_length=MOST_COMMAND_CHARS), AfterValidator(_storable)] = ""
    change: ChangeAnswer | None = None
    kind: Literal["look", "change"] = "look"
    why: Words = ""
    undo: Annotated[str, Field(max_length=MOST_COMMAND_CHARS), AfterValidator(_storable)] = ""
    expect_exit_codes: tuple[Annotated[int, Field(ge=0, le=255)], ...] = Field(default=(0,), min_length=1, max_length=8)
    expect_contains: Annotated[str, Field(max_length=200)] = ""
    expect_absent: Annotated[str, Field(max_length=200)] = ""
    timeout_seconds: Annotated[float, Field(ge=1, le=600)] = 30.0

    @model_validator(mode="after")
    def _one_of_both(self) -> StepAnswer:
        if bool(self.command.strip()) == (self.change is not None):
            raise ValueError("a step has either a `command` or a `change`")
        return self


class PlanAnswer(Answer):
    """Steps in order."""

    reason: Words
    steps: tuple[StepAnswer, ...] = Field(default=(), max_length=MOST_STEPS)


class ReadingOn(Answer):
    """A stretch of an output: bytes `start` to `end` of what the step of that number wrote."""

    of_step: Annotated[int, Field(ge=0)] = 0
    start: Annotated[int, Field(ge=0)] = 0
    end: Annotated[int, Field(ge=0)] = 0


class ProposeAnswer(ReadingOn):
    """The one next move."""

    move: Literal["step", "read", "done"]
    step: StepAnswer | None = None
    reason: Words = ""
    ok: bool = True

    @model_validator(mode="after")
    def _whole(self) -> ProposeAnswer:
        if self.move == "step" and self.step is None:
            raise ValueError("move is `step` and there is no step")
        if self.step is not None and self.step.change is not None and self.step.change.tool == "git_pr":
            raise ValueError("a pull request takes several steps, so it needs mode `plan`")
        return self


class ReviseAnswer(ReadingOn):
    """Another way, or none."""

    move: Literal["plan", "read", "stop"]
    reason: Words = ""
    steps: tuple[StepAnswer, ...] = Field(default=(), max_length=MOST_STEPS)

    @model_validator(mode="after")
    def _whole(self) -> ReviseAnswer:
        if self.move == "plan" and not self.steps:
            raise ValueError("move is `plan` and there are no steps")
        return self


class ReflectAnswer(Answer):
    """What an outcome means."""

    as_expected: bool
    next: Literal["continue", "revise", "roll_back", "stop"]
    reason: Words


class ChatAnswer(Answer):
    """What a message of the chat asks for."""

    kind: Literal["answer", "look", "task", "clarify"]
    text: Annotated[str, Field(min_length=1), AfterValidator(lambda text: one_line(text, 3 * MOST_WORDS_CHARS))]
    runbook: Name = ""


class SummaryAnswer(Answer):
    """The result in words."""

    text: Annotated[str, Field(min_length=1), AfterValidator(lambda text: one_line(text, 2 * MOST_WORDS_CHARS))]
    recommendations: tuple[Words, ...] = Field(default=(), max_length=10)


def parse(shape: type[A], text: str) -> A:
    """The answer in a text that should be JSON, perhaps with a fence or words around it. ValueError, in words."""
    if len(text) > MOST_ANSWER_CHARS:
        raise ValueError(f"the answer is longer than {MOST_ANSWER_CHARS} characters")
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ValueError("the answer holds no JSON object")
    try:
        return shape.model_validate_json(text[start : end + 1])
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[:_MOST_PROBLEMS]
        told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ") for one in found]
        raise ValueError(one_line("; ".join(told), MOST_WORDS_CHARS)) from None
