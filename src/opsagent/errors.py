"""Every error OpsAgent raises on purpose: what happened, what to do about it, its HTTP status, whether to try again.

OpsAgentError
├── InputError                 the request cannot be taken as it is
│   ├── NotFound               404
│   ├── TooLarge               413
│   ├── RunbookError           422  with file and line
│   └── IdempotencyMismatch    422  the key was used for another request
├── AccessError
│   ├── Unauthenticated        401
│   ├── Forbidden              403
│   └── RateLimited            429
├── ConflictError              409  the world has moved on
│   ├── IllegalMove                 a status machine refuses
│   ├── LeaseLost                   a newer fence holds the run
│   ├── TokenTaken                  the start token is gone: the command must not start
│   ├── TargetBusy                  another effect holds the target, or it cools down
│   ├── VersionMismatch        412  it is not the version the caller has seen
│   └── ApprovalError
│       ├── ApprovalMismatch        the effect is not the one that was approved
│       ├── ApprovalExpired         the question has ended
│       ├── ApprovalUsed            an approval works once
│       └── ApprovalDecided         somebody decided otherwise before
├── ExecutionError             the command could not be run
│   └── SandboxUnavailable     no backend is strong enough for this command
├── ModelError                 a model gave no answer; `usage` is what it cost so far
│   ├── ModelUnavailable       503  time-out, 429, 5xx, broken connection: may be tried again
│   ├── ModelRefused           502  it declined, or the key or the model's name is wrong: trying again is no use
│   └── BudgetSpent            429  the run, or its tenant's day, would take more than its budget
└── UnavailableError           503
    ├── StoreUnavailable            the store cannot write (disk full, locked, gone)
    ├── FolderInUse                 another server owns the data folder
    ├── PolicyUnloadable            the policy does not load, so nothing may start
    ├── ConfigurationError          a setting is wrong
    └── Disabled                    switched off by a person
"""

from __future__ import annotations

from collections.abc import Mapping


class OpsAgentError(Exception):
    """An error with a message for people, a fix, an HTTP status and a retry hint.

    `message` says what happened and what was kept; `fix` says what to do next; `extra` holds fields for machines.
    """

    status = 500
    retryable = False
    code = "error"

    def __init__(self, message: str, *, fix: str = "", extra: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.extra = dict(extra or {})


class InputError(OpsAgentError):
    """The request cannot be taken as it is; sending it again unchanged will fail again."""

    status = 422
    code = "invalid-input"


class NotFound(InputError):
    """There is no such thing, or it belongs to another tenant: the two are not told apart."""

    status = 404
    code = "not-found"


class TooLarge(InputError):
    """A body or a field is over its limit."""

    status = 413
    code = "too-large"


class RunbookError(InputError):
    """A runbook is refused; `file` and `line` (1-based) say where."""

    code = "runbook-refused"

    def __init__(self, message: str, *, file: str, line: int, fix: str = "") -> None:
        super().__init__(f"{file}:{line}: {message}", fix=fix, extra={"file": file, "line": line})
        self.file = file
        self.line = line


class IdempotencyMismatch(InputError):
    """An idempotency key was used before with another body."""

    code = "idempotency-mismatch"


class AccessError(OpsAgentError):
    """The caller may not do this."""

    status = 403
    code = "forbidden"


class Unauthenticated(AccessError):
    """No key, an unknown key, or a bad signature."""

    status = 401
    code = "unauthenticated"


class Forbidden(AccessError):
    """The caller is known and lacks the permission."""


class RateLimited(AccessError):
    """Too many requests from this key; `extra["retryAfter"]` holds seconds."""

    status = 429
    retryable = True
    code = "rate-limited"


class ConflictError(OpsAgentError):
    """What was asked does not fit the present state."""

    status = 409
    code = "conflict"


class IllegalMove(ConflictError):
    """A status machine has no such move."""

    code = "illegal-move"


class LeaseLost(ConflictError):
    """Another worker holds the run with a newer fence; nothing of this write was stored."""

    code = "lease-lost"


class TokenTaken(ConflictError):
    """Somebody else took the start token; the command was not started here and must not be."""

    code = "token-taken"


class TargetBusy(ConflictError):
    """One effect at a time per target; `extra["retryAfter"]` holds seconds where that is known."""

    retryable = True
    code = "target-busy"


class VersionMismatch(ConflictError):
    """Somebody changed it meanwhile; `extra["version"]` is the present version, empty when there is none."""

    status = 412
    code = "version-mismatch"


class ApprovalError(ConflictError):
    """An approval cannot be used or given."""

    code = "approval-refused"


class ApprovalMismatch(ApprovalError):
    """The digest of the effect is not the digest that was approved."""

    code = "approval-mismatch"


class ApprovalExpired(ApprovalError):
    """The approval's end has passed."""

    code = "approval-expired"


class ApprovalUsed(ApprovalError):
    """The approval has carried its one effect."""

    code = "approval-used"


class ApprovalDecided(ApprovalError):
    """The approval was decided before, and not in this way."""

    code = "approval-decided"


class ExecutionError(OpsAgentError):
    """A command could not be run; nothing is known to have happened."""

    code = "execution-failed"


class SandboxUnavailable(ExecutionError):
    """No sandbox backend here is strong enough for the command."""

    status = 503
    code = "sandbox-unavailable"


class ModelError(OpsAgentError):
    """A model gave no answer that can be used; `input_tokens` and `output_tokens` were spent on it all the same."""

    status = 502
    code = "model-failed"

    def __init__(
        self,
        message: str,
        *,
        fix: str = "",
        extra: Mapping[str, object] | None = None,
        input_tokens: int = 0,
        output_tokens: int = 0,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, fix=fix, extra=extra)
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens
        self.retry_after_s = retry_after_s


class ModelUnavailable(ModelError):
    """No answer this time: a time-out, too many requests, a server's fault, a broken connection."""

    status = 503
    retryable = True
    code = "model-unavailable"


class ModelRefused(ModelError):
    """It will not answer this: it declined, the key is wrong, or there is no such model."""

    code = "model-refused"


class BudgetSpent(ModelError):
    """No model is asked any more: the run, or the tenant's day, would take more than its budget."""

    status = 429
    code = "model-budget-spent"


class UnavailableError(OpsAgentError):
    """OpsAgent cannot serve this now."""

    status = 503
    retryable = True
    code = "unavailable"


class StoreUnavailable(UnavailableError):
    """The store could not write or read; the request was not accepted."""

    code = "store-unavailable"


class FolderInUse(UnavailableError):
    """Another server owns the data folder."""

    retryable = False
    code = "folder-in-use"


class PolicyUnloadable(UnavailableError):
    """The policy does not load; OpsAgent does not start without one."""

    retryable = False
    code = "policy-unloadable"


class ConfigurationError(UnavailableError):
    """A setting is wrong; the message names it."""

    retryable = False
    code = "configuration"


class Disabled(UnavailableError):
    """A person switched this off."""

    retryable = False
    code = "disabled"
