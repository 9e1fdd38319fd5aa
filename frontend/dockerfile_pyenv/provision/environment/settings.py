"""Chooses uv's settings from the stage's settings for pip and uv.

uv reads neither pip.conf nor PIP_*, and a stage's UV_* variables and files could point it to another environment. So
only these settings apply: indexes, find-links, trusted hosts, certificates, proxy, rules about source builds, timeouts
and retries. All others are ignored, above all `constraint`: an Airflow image constrains pip to Airflow's own versions.
uv's settings override pip's, a variable overrides a file, a later file an earlier one, [install] overrides [global].
dockerfile-syntax/reference.md documents this for users.
"""

from __future__ import annotations

import configparser
import io
import os
import re
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

import pip_settings
from indexes import Place
from layout import ProvisionError
from pip_settings import PipSetting

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
        "uploaded-prior-to",
        "user",
    }
)
"""Settings of pip that would change what is installed: the log names those that are ignored."""

KEPT_UV = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INSECURE_HOST",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "UV_TORCH_BACKEND",
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
"""Variables of the stage that would point uv, or a build, away from the environment and the step."""

PIP_KEYS = frozenset(
    {
        "cert",
        "client-cert",
        "default-timeout",
        "extra-index-url",
        "find-links",
        "index-url",
        "no-binary",
        "no-index",
        "only-binary",
        "proxy",
        "retries",
        "timeout",
        "trusted-host",
    }
)
"""Settings of pip that `settings` uses."""
BUILD_KEYS = frozenset({"build-constraint"})
BUILD_UV = ("UV_BUILD_CONSTRAINT",)
"""Settings of pip and uv that it uses for source builds."""

BINARY_UV = ("UV_NO_BINARY", "UV_NO_BINARY_PACKAGE", "UV_NO_BUILD", "UV_NO_BUILD_PACKAGE")
OTHERS = frozenset(
    {
        "CURL_CA_BUNDLE",
        "NETRC",
        "PIP_CONFIG_FILE",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "SSL_CLIENT_CERT",
        "XDG_CONFIG_DIRS",
        "XDG_CONFIG_HOME",
    }
)
"""Variables, besides those of pip and uv, that decide what an install without source builds finds."""

LARGEST = 1e9
"""No number of seconds or retries is as large."""

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
NO_PROXY = ("NO_PROXY", "no_proxy")


class Settings(NamedTuple):
    """uv's settings."""

    environment: Dict[str, str]
    arguments: List[str]
    notes: List[str]
    """For the log: which settings apply, from where, and which are ignored. Never a value: it may be a secret."""
    places: Sequence[Place] = ()
    """Locations of packages, and where they are set."""
    build_constraints: Sequence[Place] = ()
    """Files with constraints for source builds, and where they are set."""


def settings(
    environ: Mapping[str, str],
    files: Sequence[Tuple[str, str]],
    *,
    kind: Callable[[str], str],
    system_certificates: bool = False,
    numbered: bool = True,
) -> Settings:
    """Choose uv's environment and arguments from a stage's environment and its pip.conf files.

    `files` are name and text, in the order in which pip reads them. `kind` says what a path of the image is: "file",
    "directory" or "". `system_certificates` says whether the image has a CA bundle: uv trusts it then, as pip does
    since 24.2. `numbered` says whether the files have the lines that their author wrote. Raises ProvisionError for a
    file or number that pip would reject too.
    """
    pip = pip_settings.merge(environ, files)
    kept = {name: value for name, value in environ.items() if not DROPPED.fullmatch(name)}
    taken: List[str] = []
    kept.update(_uv_settings(environ, taken))
    arguments = _indexes(kept, pip, taken, kind)
    arguments += _hosts(environ, pip, taken)
    arguments += _binaries(environ, pip, taken)
    _certificates(kept, pip, taken, kind, system_certificates=system_certificates)
    _network(kept, pip, taken)
    constraints = _build_constraints(environ, pip, taken, numbered=numbered)
    ignored = [pip_settings.named(key, pip) for key in sorted(NOTED & set(pip))]
    notes = []
    if taken:
        notes.append("using settings: " + ", ".join(taken))
    if ignored:
        notes.append("ignoring pip settings: " + ", ".join(ignored))
    return Settings(kept, arguments, notes, list(_places(kept, environ, pip, numbered=numbered)), constraints)


def pip_config_files(environ: Mapping[str, str], home: str, read: Callable[[str], str | None]) -> List[Tuple[str, str]]:
    """Return the pip.conf files that pip would read for a user with this home directory, in pip's order.

    See get_configuration_files and iter_config_files of pip's configuration.py (pip 25). `read` returns a file's text,
    or None if it does not exist.
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


def relevant(environ: Mapping[str, str], *, builds: bool = False) -> Dict[str, str]:
    """Return the variables that have a part in an install without source builds, or with them."""
    names = {*KEPT_UV, *BINARY_UV, *OTHERS, *PROXY_VARIABLES, *NO_PROXY, *(BUILD_UV if builds else ())}
    keys = PIP_KEYS | BUILD_KEYS if builds else PIP_KEYS
    return {
        name: value
        for name, value in environ.items()
        if value
        and (
            name in names
            or INDEX_CREDENTIALS.fullmatch(name)
            or (name.startswith("PIP_") and pip_settings.normal(name[len("PIP_") :]) in keys)
        )
    }


def unused(environ: Mapping[str, str], files: Sequence[Tuple[str, str]]) -> List[str]:
    """Return the settings of pip that are worth a log line because they do not apply, with their origins."""
    pip = pip_settings.merge(environ, files)
    return [pip_settings.named(key, pip) for key in sorted(NOTED & set(pip))]


def pip_values(environ: Mapping[str, str], files: Sequence[Tuple[str, str]], keys: Iterable[str]) -> List[str]:
    """Return the values of settings of pip, for those keys that are set. Raises ProvisionError."""
    pip = pip_settings.merge(environ, files)
    return [pip[key].text for key in keys if key in pip]


def relevant_file(name: str, text: str, *, builds: bool = False) -> str:
    """Return a pip.conf with nothing but the settings of pip that `settings` uses, in a fixed order.

    A file that cannot be read stays as it is, so that the install reports it.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text, source=name)
    except configparser.Error:
        return text
    reduced = configparser.RawConfigParser()
    keys = PIP_KEYS | BUILD_KEYS if builds else PIP_KEYS
    for section in ("global", "install"):
        values = parser.items(section) if parser.has_section(section) else ()
        kept = {pip_settings.normal(key): value for key, value in values if pip_settings.normal(key) in keys}
        if kept:
            reduced[section] = dict(sorted(kept.items()))
    written = io.StringIO()
    reduced.write(written)
    return written.getvalue()


def _uv_settings(environ: Mapping[str, str], taken: List[str]) -> Dict[str, str]:
    found = {name: environ[name] for name in KEPT_UV if environ.get(name)}
    taken += found
    found.update((name, value) for name, value in environ.items() if INDEX_CREDENTIALS.fullmatch(name))
    return found


def _indexes(
    kept: Dict[str, str], pip: Mapping[str, PipSetting], taken: List[str], kind: Callable[[str], str]
) -> List[str]:
    arguments = []
    if _true(pip.get("no-index")):
        taken.append(pip_settings.named("no-index", pip))
        arguments.append("--no-index")
        for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"):
            kept.pop(name, None)
    else:
        if "index-url" in pip and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(kept):
            kept["UV_DEFAULT_INDEX"] = pip["index-url"].text.strip()
            taken.append(pip_settings.named("index-url", pip))
        if "extra-index-url" in pip and not {"UV_INDEX", "UV_EXTRA_INDEX_URL"} & set(kept):
            kept["UV_INDEX"] = " ".join(pip["extra-index-url"].text.split())
            taken.append(pip_settings.named("extra-index-url", pip))
    if "find-links" in pip and "UV_FIND_LINKS" not in kept:
        # pip skips a location that does not exist, uv fails.
        locations = [one for one in pip["find-links"].text.split() if "://" in one or kind(one)]
        if locations:
            taken.append(pip_settings.named("find-links", pip))
        arguments += ["--find-links=" + one for one in locations]
    return arguments


def _places(
    kept: Mapping[str, str], environ: Mapping[str, str], pip: Mapping[str, PipSetting], *, numbered: bool
) -> Iterator[Place]:
    """Yield the locations of packages, with the variable or file that sets them."""
    for name, key, separator in (
        ("UV_DEFAULT_INDEX", "index-url", None),
        ("UV_INDEX_URL", "", None),
        ("UV_INDEX", "extra-index-url", None),
        ("UV_EXTRA_INDEX_URL", "", None),
        ("UV_FIND_LINKS", "", ","),
    ):
        origin = name if environ.get(name) or key not in pip else pip[key].place(key, numbered=numbered)
        for url in filter(None, kept.get(name, "").split(separator)):
            yield Place(url, origin)
    if "find-links" in pip:
        for url in pip["find-links"].text.split():
            yield Place(url, pip["find-links"].place("find-links", numbered=numbered))


def _build_constraints(
    environ: Mapping[str, str], pip: Mapping[str, PipSetting], taken: List[str], *, numbered: bool
) -> List[Place]:
    (name,), (key,) = BUILD_UV, BUILD_KEYS
    if environ.get(name):
        taken.append(name)
        return [Place(one, name) for one in environ[name].split()]
    if key not in pip:
        return []
    taken.append(pip_settings.named(key, pip))
    return [Place(one, pip[key].place(key, numbered=numbered)) for one in pip[key].text.split()]


def _hosts(environ: Mapping[str, str], pip: Mapping[str, PipSetting], taken: List[str]) -> List[str]:
    if "trusted-host" not in pip or environ.get("UV_INSECURE_HOST"):
        return []
    taken.append(pip_settings.named("trusted-host", pip))
    return ["--allow-insecure-host=" + host for host in pip["trusted-host"].text.split()]


def _binaries(environ: Mapping[str, str], pip: Mapping[str, PipSetting], taken: List[str]) -> List[str]:
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
            taken.append(pip_settings.named(pip_option, pip))
            for name in pip[pip_option].text.replace(",", " ").split():
                names = [] if name == ":none:" else [*names, name]
        arguments += [f"{option}={name}" for name in (names if ":all:" not in names else [":all:"])]
    return arguments


def _certificates(
    kept: Dict[str, str],
    pip: Mapping[str, PipSetting],
    taken: List[str],
    kind: Callable[[str], str],
    *,
    system_certificates: bool,
) -> None:
    if "cert" in pip:
        _trust(kept, pip["cert"].text.strip(), kind)
        taken.append(pip_settings.named("cert", pip))
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
        taken.append(pip_settings.named("client-cert", pip))


def _trust(kept: Dict[str, str], path: str, kind: Callable[[str], str]) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        kept.pop(name, None)
    kept["SSL_CERT_DIR" if kind(path) == "directory" else "SSL_CERT_FILE"] = path


def _network(kept: Dict[str, str], pip: Mapping[str, PipSetting], taken: List[str]) -> None:
    if "proxy" in pip:
        proxy = pip["proxy"].text.strip()
        for name in PROXY_VARIABLES:
            kept[name] = proxy if "://" in proxy else "http://" + proxy
        taken.append(pip_settings.named("proxy", pip))
    for option in ("timeout", "default-timeout"):
        if option in pip and not {"UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT"} & set(kept):
            # uv takes whole seconds, pip also fractions.
            kept["UV_HTTP_TIMEOUT"] = str(max(1, -int(-_number(option, pip) // 1)))
            taken.append(pip_settings.named(option, pip))
    if "retries" in pip and "UV_HTTP_RETRIES" not in kept:
        kept["UV_HTTP_RETRIES"] = str(int(_number("retries", pip)))
        taken.append(pip_settings.named("retries", pip))


def _number(key: str, pip: Mapping[str, PipSetting]) -> float:
    """Return a setting as a number. Raises ProvisionError without its text, which may be part of a secret."""
    try:
        number = float(pip[key].text)
    except ValueError:
        number = -1
    if not 0 <= number < LARGEST:
        raise ProvisionError(f"{pip_settings.named(key, pip)} is not a number: write one, such as 60")
    return number


def _true(value: PipSetting | None) -> bool:
    return value is not None and _truth(value.text)


def _truth(text: str) -> bool:
    return text.strip().lower() in {"1", "on", "t", "true", "y", "yes"}
