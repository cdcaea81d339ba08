"""What is asked about a credential: its kind, who keeps it, and its value, which goes in and never comes out."""

from __future__ import annotations

from typing import Any, Literal

from opsagent.web.dashboard.widgets.form import Entry, Given, lines
from opsagent.web.dashboard.widgets.target_form import NAME

STORE = "store"
_KINDS = (
    ("password", "A name and a password"),
    ("ssh_key", "An SSH key"),
    ("token", "A token"),
    ("aws", "An AWS access key"),
)
_KEEPERS = (
    (STORE, "OpsAgent, encrypted"),
    ("vault", "HashiCorp Vault"),
    ("aws_secrets_manager", "AWS Secrets Manager"),
    ("file", "A mounted file"),
    ("env", "The server's environment"),
)
# field -> (its label, the kinds that have it, whether those need it, how it is typed); see domain/credential.py
_FIELDS: dict[str, tuple[str, tuple[str, ...], bool, Literal["text", "password", "area"]]] = {
    "username": ("User name", ("password",), True, "text"),
    "password": ("Password", ("password",), True, "password"),
    "private_key": ("Private key", ("ssh_key",), True, "area"),
    "passphrase": ("Passphrase of the key", ("ssh_key",), False, "password"),
    "certificate": ("Certificate", ("ssh_key",), False, "area"),
    "token": ("Token", ("token",), True, "password"),
    "header": ("Header it is sent in", ("token",), False, "text"),
    "access_key_id": ("Access key id", ("aws",), True, "text"),
    "secret_access_key": ("Secret access key", ("aws",), True, "password"),
    "session_token": ("Session token", ("aws",), False, "password"),
}
_HINTS = {"header": "Left empty: Authorization, as a bearer token."}
_USER_OF_KEY = "key_username"  # a form has one field of a name; a key may have a user name, a password needs one


def secret_entries(one: dict[str, Any]) -> tuple[Entry, ...]:
    """The form: of a new credential, or of a new value for `one`. No value is ever shown."""
    kinds = [choice for choice in _KINDS if not one or choice[0] == one["kind"]]
    keepers = [choice for choice in _KEEPERS if not one or choice[0] == one["keeper"]]
    kept_here = ("keeper", (STORE,))
    name = () if one else (Entry(name="name", label="Name", pattern=NAME, needed=True),)
    return (
        *name,
        Entry(name="kind", label="Kind", kind="choice", choices=kinds),
        Entry(name="keeper", label="Kept by", kind="choice", choices=keepers),
        Entry(
            name="reference", label="Where it lies there", value=str(one.get("reference", "")), needed=True,
            hint="kv/data/shop#prod for Vault, a name or an ARN for AWS, a folder, or the NAME of variables.",
            of=(("keeper", tuple(keeper for keeper, _ in _KEEPERS if keeper != STORE)),),
        ),
        *(
            Entry(
                name=field, label=label, kind=typed, needed=needed, of=(("kind", of), kept_here),
                hint=_HINTS.get(field, ""),
            )
            for field, (label, of, needed, typed) in _FIELDS.items()
        ),
        Entry(name=_USER_OF_KEY, label="User name", of=(("kind", ("ssh_key",)), kept_here)),
        Entry(
            name="connections", label="Only for", kind="area", value="\n".join(one.get("connections", ())),
            hint="Connections that may use it, one a line. Empty: all.",
        ),
    )  # fmt: skip


def secret_of(given: Given, before: dict[str, Any]) -> dict[str, Any]:
    """As the API takes it; fields that were left empty are not part of the value."""
    values = {field: given[field] for field in _FIELDS if given.get(field)}
    if given.get(_USER_OF_KEY):
        values["username"] = given[_USER_OF_KEY]
    return {
        "kind": before.get("kind") or given["kind"],
        "keeper": before.get("keeper") or given["keeper"],
        "reference": given.get("reference", ""),
        "connections": lines(given["connections"]),
        "values": values,
    }
