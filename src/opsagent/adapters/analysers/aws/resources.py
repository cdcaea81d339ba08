"""Names what a call touches, as far as its parameters show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_MOST = 50
_NAMING = re.compile(
    r"(?:.*(?:Ids?|Arns?|ARNs?|Names?|Identifiers?|Urls?)|Bucket|Cluster|Service|Resource|Role|User|Group|Instance|"
    r"Table|Repository|StackName|Key)",
    re.IGNORECASE,
)
_NOT_NAMING = re.compile(r".*(?:token|tag|attribute|dry).*", re.IGNORECASE)
_ENDS = ("Delete", "Terminate", "Deregister", "Remove", "Purge", "Empty")


def touched(service: str, prefix: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """`aws:ec2/i-123` for each thing that is named, or its ARN; an object of S3 with its bucket."""
    bucket = parameters.get("Bucket")
    if service == "s3" and isinstance(bucket, str):
        keys = [parameters["Key"]] if isinstance(parameters.get("Key"), str) else list(_keys(parameters))
        return tuple(f"aws:s3/{bucket}/{key}" for key in keys[:_MOST]) or (f"aws:s3/{bucket}",)
    found = dict.fromkeys(_values(parameters))
    return tuple(one if one.startswith("arn:") else f"aws:{prefix}/{one}" for one in list(found)[:_MOST])


def ends_it(operation: str) -> bool:
    """Whether the name of an operation says that what it touches is gone afterwards. For people, never for a proof."""
    return operation.startswith(_ENDS)


def _values(parameters: Mapping[str, Any]) -> Iterator[str]:
    for name, value in parameters.items():
        if not _NAMING.fullmatch(name) or _NOT_NAMING.fullmatch(name):
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and one:
                yield one


def _keys(parameters: Mapping[str, Any]) -> Iterator[str]:
    objects = parameters.get("Delete")
    for one in objects.get("Objects", ()) if isinstance(objects, Mapping) else ():
        if isinstance(one, Mapping) and isinstance(one.get("Key"), str):
            yield one["Key"]
