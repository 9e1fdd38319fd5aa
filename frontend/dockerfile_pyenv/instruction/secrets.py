"""Secrets of a PYENV line, as mounts of the step that it becomes.

    --secret=id=<id>[,env=<variable>][,target=<path>][,required=false][,mode=…][,uid=…][,gid=…]

The options are those of RUN's `--mount=type=secret` (instructions/commands_runmount.go, BuildKit 0.32). What differs:
a secret is required by default, and one without `env` and `target` goes where pip and uv look for a secret of that id.
The step itself sets a variable, from a file of its name: `env` of RUN requires BuildKit 0.15.
"""

import re
from dataclasses import dataclass
from typing import Final

VARIABLES: Final = "secrets"
"""Directory below the step's own mounts that has a file for each variable (provision/environment/layout.py)."""

IDS: Final = {
    "netrc": "NETRC",
    ".netrc": "NETRC",
    "pip.conf": "PIP_CONFIG_FILE",
    "pip_conf": "PIP_CONFIG_FILE",
    "pip-conf": "PIP_CONFIG_FILE",
    "pipconf": "PIP_CONFIG_FILE",
}
"""Ids that imply a variable, which holds the path of the secret's file."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UPPER: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@+-]+")
"""Characters that the flags of RUN pass on unchanged."""
_KEYS: Final = {"dst": "target", "destination": "target", "src": "id", "source": "id"}
_NUMBERS: Final = ("mode", "uid", "gid")
_DIGITS: Final = 10
"""Of the largest mode, uid or gid: 32 bits."""
_TRUE: Final = frozenset({"", "true", "1"})
_FALSE: Final = frozenset({"false", "0"})


class SecretError(ValueError):
    """What is wrong with the value of a `--secret` flag, and what to write."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of a line."""

    id: str
    variable: str = ""
    """The variable that is set to the secret, or to the path of its file."""
    target: str = ""
    """Path of a file in the step that holds it."""
    required: bool = True
    more: tuple[str, ...] = ()
    """Mode and owner of the file, as options of a mount."""

    def mounts(self, directory: str) -> tuple[str, ...]:
        """Values for `--mount=`; `directory` is where the step has its own mounts."""
        targets = [f"{directory}/{VARIABLES}/{self.variable}"] if self.variable else []
        targets += [self.target] if self.target else []
        required = ("required=true",) if self.required else ()
        return tuple(
            ",".join(("type=secret", f"id={self.id}", f"target={target}", *self.more, *required)) for target in targets
        )


def secret(value: str) -> Secret:
    """Read the value of a `--secret` flag. Raises SecretError."""
    found = dict(_pair(part) for part in value.split(","))
    if "id" not in found:
        raise SecretError("the id is missing: write --secret=id=<id>, with the id that docker build --secret has")
    for key in ("id", "target"):
        if not _PLAIN.fullmatch(found.get(key, "x")):
            raise SecretError(f"{key} contains an invalid character: use a-z, A-Z, 0-9 and _ . / : @ + -")
    variable, target = found.get("env", ""), found.get("target", "")
    if "env" in found and not _VARIABLE.fullmatch(variable):
        raise SecretError(f"{variable or 'an empty string'} is not a variable name")
    if "target" in found and not target.startswith("/"):
        raise SecretError("target must be an absolute path, such as /root/.netrc")
    if not variable and not target:
        variable = _variable(found["id"])
    return Secret(
        id=found["id"],
        variable=variable,
        target=target,
        required=found.get("required", "true") in _TRUE,
        more=tuple(f"{key}={found[key]}" for key in _NUMBERS if key in found),
    )


def variables(mount: str) -> tuple[str, ...]:
    """Names of the variables that the value of a `--mount` flag sets from a secret."""
    found = dict(part.strip().partition("=")[::2] for part in mount.split(","))
    return (found["env"],) if found.get("type") == "secret" and found.get("env") else ()


def _pair(part: str) -> tuple[str, str]:
    key, _, content = part.partition("=")
    key = _KEYS.get(key.strip().lower(), key.strip().lower())
    if key == "type" and content == "secret":
        return key, content
    if key == "required" and content in _TRUE | _FALSE:
        return key, content
    if key in _NUMBERS and content.isascii() and content.isdecimal() and len(content) <= _DIGITS:
        return key, content
    if key in {"id", "env", "target"} and content:
        return key, content
    raise SecretError(
        f"{part or 'an empty option'} is not valid: write id=<id>, and optionally "
        "env=<variable>, target=<path> or required=false"
    )


def _variable(identifier: str) -> str:
    """The variable that an id implies. Raises SecretError if it implies none."""
    if identifier in IDS:
        return IDS[identifier]
    if _UPPER.fullmatch(identifier):
        return identifier
    raise SecretError(
        f"the id {identifier} does not say what the secret is for: add env=<variable>, such as "
        f"--secret=id={identifier},env=PIP_INDEX_URL, or target=<path>. Only the ids netrc and pip.conf, and ids that "
        "are the name of a variable, work without"
    )
