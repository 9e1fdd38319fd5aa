"""What uv is told of the stage's own settings for pip and uv.

uv reads neither pip.conf nor PIP_*, and whatever UV_* variables and files there are could also point it at another
environment. So of both worlds only this passes: indexes, find-links, trusted hosts, certificates, proxy, binary rules,
timeouts and retries. All else of pip's and uv's settings stays outside, `constraint` above all: an Airflow image
constrains pip to Airflow's own versions. A setting of uv's goes before pip's, a variable before a file, a later file
before an earlier one, [install] before [global]. dockerfile-syntax/reference.md is the same for its readers.
"""

from __future__ import annotations

import configparser
import os
import re
from typing import Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from layout import ProvisionError

NOTED = frozenset(
    {
        "constraint",
        "keyring-provider",
        "no-build-isolation",
        "no-deps",
        "pre",
        "prefer-binary",
        "prefix",
        "require-hashes",
        "requirement",
        "root",
        "target",
        "user",
    }
)
"""Settings of pip that would change what is installed, and so are worth a word in the log when they do not."""

KEPT_UV = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INSECURE_HOST",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "UV_HTTP_TIMEOUT",
    "UV_REQUEST_TIMEOUT",
    "UV_HTTP_CONNECT_TIMEOUT",
    "UV_HTTP_RETRIES",
)
INDEX_CREDENTIALS = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)")

DROPPED = re.compile(
    r"UV_.*|PYTHON.*|PYC_INVALIDATION_MODE|VIRTUAL_ENV.*|CONDA_.*|LD_PRELOAD|LD_AUDIT|XDG_.*_HOME|RUST_LOG"
    r"|HOME|TMPDIR|TEMP|TMP"
)
"""Variables of the stage that would point uv, or what it builds with, away from the environment and the step."""

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


class Settings(NamedTuple):
    """What to start uv with."""

    environment: Dict[str, str]
    arguments: List[str]
    notes: List[str]
    """For the log: which settings are taken from where, and which are not. Never a value: it may be a secret."""


class Value(NamedTuple):
    """A setting of pip, and where it is made."""

    text: str
    origin: str


def settings(
    environ: Mapping[str, str],
    files: Sequence[Tuple[str, str]],
    *,
    kind: Callable[[str], str],
    system_certificates: bool = False,
) -> Settings:
    """Choose uv's environment and arguments from a stage's environment and its pip.conf files.

    `files` are name and text, in the order in which pip reads them. `kind` says what a path of the image is: "file",
    "directory" or "". `system_certificates` says whether the image has certificates of its own: uv trusts them then,
    as pip does since 24.2. Raises ProvisionError for a file or number that pip would refuse as well.
    """
    pip = _pip_settings(environ, files)
    kept = {name: value for name, value in environ.items() if not DROPPED.fullmatch(name)}
    taken: List[str] = []
    kept.update(_uv_settings(environ, taken))
    arguments = _indexes(kept, pip, taken, kind)
    arguments += _hosts(environ, pip, taken)
    arguments += _binaries(environ, pip, taken)
    _certificates(kept, pip, taken, kind, system_certificates=system_certificates)
    _network(kept, pip, taken)
    ignored = [_named(key, pip) for key in sorted(NOTED & set(pip))]
    notes = []
    if taken:
        notes.append("settings taken over: " + ", ".join(taken))
    if ignored:
        notes.append("settings of pip that do not apply here: " + ", ".join(ignored))
    return Settings(kept, arguments, notes)


def pip_config_files(environ: Mapping[str, str], home: str, read: Callable[[str], str | None]) -> List[Tuple[str, str]]:
    """Find the pip.conf files that pip would read for a user with this home directory, in its order.

    See get_configuration_files and iter_config_files of pip's configuration.py (pip 25). `read` returns a file's text,
    or None where there is no such file.
    """
    own = environ.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    directories = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    paths = [f"{directory}/pip/pip.conf" for directory in directories.split(":") if directory]
    paths.append("/etc/pip.conf")
    if not (own and read(own) is not None):
        config = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
        paths += [f"{home}/.pip/pip.conf", f"{config}/pip/pip.conf"]
    if own:
        paths.append(own)
    found = ((path, read(path)) for path in dict.fromkeys(paths))
    return [(path, text) for path, text in found if text is not None]


def _pip_settings(environ: Mapping[str, str], files: Sequence[Tuple[str, str]]) -> Dict[str, Value]:
    """Merge pip's settings as `pip install` does; what is empty counts as not set."""
    sections: Dict[str, Dict[str, Value]] = {"global": {}, "install": {}}
    for name, text in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(text, source=name)
        except configparser.Error as error:
            raise ProvisionError("{} cannot be read: {}".format(name, " ".join(str(error).split()))) from None
        for section, values in sections.items():
            if parser.has_section(section):
                values.update((_normal(key), Value(value, name)) for key, value in parser.items(section))
    variables = {
        _normal(name[len("PIP_") :]): Value(value, name) for name, value in environ.items() if name.startswith("PIP_")
    }
    merged = {}
    for values in (sections["global"], sections["install"], variables):
        merged.update((key, value) for key, value in values.items() if value.text.strip())
    return merged


def _normal(key: str) -> str:
    key = key.lower().replace("_", "-")
    return key[2:] if key.startswith("--") else key  # noqa: FURB188 - str.removeprefix is of 3.9


def _uv_settings(environ: Mapping[str, str], taken: List[str]) -> Dict[str, str]:
    found = {name: environ[name] for name in KEPT_UV if environ.get(name)}
    taken += found
    found.update((name, value) for name, value in environ.items() if INDEX_CREDENTIALS.fullmatch(name))
    return found


def _indexes(kept: Dict[str, str], pip: Mapping[str, Value], taken: List[str], kind: Callable[[str], str]) -> List[str]:
    arguments = []
    if _true(pip.get("no-index")):
        taken.append(_named("no-index", pip))
        arguments.append("--no-index")
        for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"):
            kept.pop(name, None)
    else:
        if "index-url" in pip and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(kept):
            kept["UV_DEFAULT_INDEX"] = pip["index-url"].text.strip()
            taken.append(_named("index-url", pip))
        if "extra-index-url" in pip and not {"UV_INDEX", "UV_EXTRA_INDEX_URL"} & set(kept):
            kept["UV_INDEX"] = " ".join(pip["extra-index-url"].text.split())
            taken.append(_named("extra-index-url", pip))
    if "find-links" in pip and "UV_FIND_LINKS" not in kept:
        # pip passes over a place that does not exist, uv stops.
        locations = [place for place in pip["find-links"].text.split() if "://" in place or kind(place)]
        if locations:
            taken.append(_named("find-links", pip))
        arguments += ["--find-links=" + place for place in locations]
    return arguments


def _hosts(environ: Mapping[str, str], pip: Mapping[str, Value], taken: List[str]) -> List[str]:
    if "trusted-host" not in pip or environ.get("UV_INSECURE_HOST"):
        return []
    taken.append(_named("trusted-host", pip))
    return ["--allow-insecure-host=" + host for host in pip["trusted-host"].text.split()]


def _binaries(environ: Mapping[str, str], pip: Mapping[str, Value], taken: List[str]) -> List[str]:
    arguments = []
    for option, variable, pip_option in (
        ("--no-binary", "UV_NO_BINARY", "no-binary"),
        ("--only-binary", "UV_NO_BUILD", "only-binary"),
    ):
        names: List[str] = []
        if _truth(environ.get(variable, "")):
            names = [":all:"]
        names += environ.get(variable + "_PACKAGE", "").replace(",", " ").split()
        if names:
            taken.append(variable if names[0] == ":all:" else variable + "_PACKAGE")
        elif pip_option in pip:
            taken.append(_named(pip_option, pip))
            for name in pip[pip_option].text.replace(",", " ").split():
                names = [] if name == ":none:" else [*names, name]
        arguments += [f"{option}={name}" for name in (names if ":all:" not in names else [":all:"])]
    return arguments


def _certificates(
    kept: Dict[str, str],
    pip: Mapping[str, Value],
    taken: List[str],
    kind: Callable[[str], str],
    *,
    system_certificates: bool,
) -> None:
    if "cert" in pip:
        _trust(kept, pip["cert"].text.strip(), kind)
        taken.append(_named("cert", pip))
    elif not kept.get("SSL_CERT_FILE") and not kept.get("SSL_CERT_DIR"):
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            if kept.get(name):
                _trust(kept, kept[name], kind)
                taken.append(name)
                break
        else:
            if system_certificates and not {"UV_SYSTEM_CERTS", "UV_NATIVE_TLS"} & set(kept):
                kept["UV_SYSTEM_CERTS"] = "true"
    if "client-cert" in pip:
        kept["SSL_CLIENT_CERT"] = pip["client-cert"].text.strip()
        taken.append(_named("client-cert", pip))


def _trust(kept: Dict[str, str], path: str, kind: Callable[[str], str]) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        kept.pop(name, None)
    kept["SSL_CERT_DIR" if kind(path) == "directory" else "SSL_CERT_FILE"] = path


def _network(kept: Dict[str, str], pip: Mapping[str, Value], taken: List[str]) -> None:
    if "proxy" in pip:
        proxy = pip["proxy"].text.strip()
        for name in PROXY_VARIABLES:
            kept[name] = proxy if "://" in proxy else "http://" + proxy
        taken.append(_named("proxy", pip))
    for option in ("timeout", "default-timeout"):
        if option in pip and not {"UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT"} & set(kept):
            # uv counts whole seconds, pip may be given parts of one.
            kept["UV_HTTP_TIMEOUT"] = str(max(1, -int(-_seconds(pip[option]) // 1)))
            taken.append(_named(option, pip))
    if "retries" in pip and "UV_HTTP_RETRIES" not in kept:
        kept["UV_HTTP_RETRIES"] = str(int(_seconds(pip["retries"])))
        taken.append(_named("retries", pip))


def _seconds(value: Value) -> float:
    try:
        return float(value.text)
    except ValueError:
        raise ProvisionError(f"{value.origin}: {value.text!r} is no number") from None


def _true(value: Value | None) -> bool:
    return value is not None and _truth(value.text)


def _truth(text: str) -> bool:
    return text.strip().lower() in {"1", "on", "t", "true", "y", "yes"}


def _named(key: str, pip: Mapping[str, Value]) -> str:
    origin = pip[key].origin
    return origin if origin.startswith("PIP_") else f"{key} of {origin}"
