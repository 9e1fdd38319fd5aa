"""Which of a stage's settings reach uv; dockerfile-syntax/reference.md is the same table for its readers."""

import os

import pytest
from layout import ProvisionError
from settings import pip_config_files, settings

KINDS = {"/certs": "directory", "/wheels": "directory", "/links.html": "file", "/ca.pem": "file"}


def conf(text: str, name: str = "/etc/pip.conf") -> tuple[str, str]:
    """A configuration file of pip."""
    return name, text


@pytest.mark.parametrize(
    ("environ", "files", "environment", "arguments"),
    [
        pytest.param({}, [], {}, [], id="nothing"),
        pytest.param({"UV_TORCH_BACKEND": "cpu"}, [], {"UV_TORCH_BACKEND": "cpu"}, [], id="builds of PyTorch"),
        pytest.param(
            {"PIP_INDEX_URL": "https://i"}, [], {"UV_DEFAULT_INDEX": "https://i"}, [], id="index from a variable"
        ),
        pytest.param(
            {},
            [conf("[global]\nindex-url = https://i\n")],
            {"UV_DEFAULT_INDEX": "https://i"},
            [],
            id="index from a file",
        ),
        pytest.param(
            {"PIP_INDEX_URL": "https://v"},
            [conf("[install]\nindex-url = https://f\n")],
            {"UV_DEFAULT_INDEX": "https://v"},
            [],
            id="variable before file",
        ),
        pytest.param(
            {},
            [conf("[install]\nindex_url = https://install\n"), conf("[global]\nindex-url = https://global\n", "/u")],
            {"UV_DEFAULT_INDEX": "https://install"},
            [],
            id="install before global of a later file",
        ),
        pytest.param(
            {},
            [conf("[global]\nindex-url = https://a\n"), conf("[global]\nindex-url = https://b\n", "/u")],
            {"UV_DEFAULT_INDEX": "https://b"},
            [],
            id="later file before earlier",
        ),
        pytest.param(
            {"PIP_INDEX_URL": "", "UV_INDEX_URL": ""},
            [conf("[global]\nindex-url = https://f\n")],
            {"UV_DEFAULT_INDEX": "https://f"},
            [],
            id="empty is not set",
        ),
        pytest.param(
            {"PIP_INDEX_URL": "https://pip", "UV_INDEX_URL": "https://uv"},
            [],
            {"UV_INDEX_URL": "https://uv"},
            [],
            id="uv before pip",
        ),
        pytest.param(
            {},
            [conf("[global]\nextra-index-url =\n    https://a/simple\n    https://b/simple\n")],
            {"UV_INDEX": "https://a/simple https://b/simple"},
            [],
            id="extra indexes on lines of their own",
        ),
        pytest.param(
            {"UV_INDEX": "corp=https://c", "UV_INDEX_CORP_USERNAME": "u", "UV_INDEX_CORP_PASSWORD": "p"},
            [],
            {"UV_INDEX": "corp=https://c", "UV_INDEX_CORP_USERNAME": "u", "UV_INDEX_CORP_PASSWORD": "p"},
            [],
            id="named index with credentials",
        ),
        pytest.param(
            {"PIP_NO_INDEX": "1", "PIP_INDEX_URL": "https://i", "UV_INDEX": "https://x", "PIP_FIND_LINKS": "/wheels"},
            [],
            {},
            ["--no-index", "--find-links=/wheels"],
            id="no index",
        ),
        pytest.param({"PIP_NO_INDEX": "0"}, [], {}, [], id="no index that says no"),
        pytest.param(
            {"PIP_FIND_LINKS": "/wheels https://links/ /nowhere /links.html"},
            [],
            {},
            ["--find-links=/wheels", "--find-links=https://links/", "--find-links=/links.html"],
            id="find-links without what does not exist",
        ),
        pytest.param(
            {"UV_FIND_LINKS": "/x", "PIP_FIND_LINKS": "/wheels"}, [], {"UV_FIND_LINKS": "/x"}, [], id="uv links"
        ),
        pytest.param(
            {"PIP_TRUSTED_HOST": "a b:8080"},
            [],
            {},
            ["--allow-insecure-host=a", "--allow-insecure-host=b:8080"],
            id="trusted hosts",
        ),
        pytest.param(
            {"UV_INSECURE_HOST": "a", "PIP_TRUSTED_HOST": "b"}, [], {"UV_INSECURE_HOST": "a"}, [], id="insecure hosts"
        ),
        pytest.param({"PIP_CERT": "/ca.pem"}, [], {"SSL_CERT_FILE": "/ca.pem"}, [], id="certificate"),
        pytest.param(
            {"PIP_CERT": "/certs", "SSL_CERT_FILE": "/other.pem"},
            [],
            {"SSL_CERT_DIR": "/certs"},
            [],
            id="directory of certificates, before the general variable",
        ),
        pytest.param(
            {"REQUESTS_CA_BUNDLE": "/ca.pem"}, [], {"SSL_CERT_FILE": "/ca.pem"}, [], id="certificate of requests"
        ),
        pytest.param(
            {"REQUESTS_CA_BUNDLE": "/ca.pem", "SSL_CERT_FILE": "/own.pem"},
            [],
            {"SSL_CERT_FILE": "/own.pem"},
            [],
            id="general variable before that of requests",
        ),
        pytest.param(
            {}, [conf("[global]\nclient-cert = /me.pem\n")], {"SSL_CLIENT_CERT": "/me.pem"}, [], id="client certificate"
        ),
        pytest.param(
            {"PIP_PROXY": "proxy:3128"},
            [],
            dict.fromkeys(
                ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
                "http://proxy:3128",
            ),
            [],
            id="proxy",
        ),
        pytest.param({"HTTPS_PROXY": "http://p"}, [], {"HTTPS_PROXY": "http://p"}, [], id="proxy of everything"),
        pytest.param(
            {"PIP_ONLY_BINARY": "google-re2,numpy", "PIP_NO_BINARY": ":all:"},
            [],
            {},
            ["--no-binary=:all:", "--only-binary=google-re2", "--only-binary=numpy"],
            id="binary rules",
        ),
        pytest.param({"PIP_NO_BINARY": "a,:none:,b"}, [], {}, ["--no-binary=b"], id="none clears"),
        pytest.param(
            {"UV_NO_BUILD": "1", "UV_NO_BINARY_PACKAGE": "a b", "PIP_ONLY_BINARY": "c"},
            [],
            {},
            ["--no-binary=a", "--no-binary=b", "--only-binary=:all:"],
            id="binary rules of uv",
        ),
        pytest.param({"PIP_DEFAULT_TIMEOUT": "180"}, [], {"UV_HTTP_TIMEOUT": "180"}, [], id="timeout"),
        pytest.param({"PIP_TIMEOUT": "0.5"}, [], {"UV_HTTP_TIMEOUT": "1"}, [], id="part of a second"),
        pytest.param({}, [conf("[global]\nretries = 9\n")], {"UV_HTTP_RETRIES": "9"}, [], id="retries"),
        pytest.param(
            {"UV_HTTP_TIMEOUT": "7", "UV_HTTP_RETRIES": "2", "PIP_TIMEOUT": "9", "PIP_RETRIES": "9"},
            [],
            {"UV_HTTP_TIMEOUT": "7", "UV_HTTP_RETRIES": "2"},
            [],
            id="timeout and retries of uv",
        ),
    ],
)
def test_taken(
    environ: dict[str, str], files: list[tuple[str, str]], environment: dict[str, str], arguments: list[str]
) -> None:
    """Indexes, find-links, hosts, certificates, proxy, binary rules, timeouts and retries reach uv."""
    chosen = settings(environ, files, kind=lambda path: KINDS.get(path, ""))
    reached = {
        name: value
        for name, value in chosen.environment.items()
        if not name.startswith("PIP_") and name != "REQUESTS_CA_BUNDLE"
    }
    assert (reached, chosen.arguments) == (environment, arguments)


@pytest.mark.parametrize(
    "key",
    ["constraint", "target", "user", "prefix", "root", "cache-dir", "require-virtualenv", "pre", "no-deps", "python"],
)
def test_never_taken(key: str) -> None:
    """Whatever else pip is told, by variable or file, uv does not hear of."""
    variable = "PIP_" + key.upper().replace("-", "_")
    files = [conf(f"[global]\n{key} = /x\n[install]\n{key} = /y\n")]
    chosen = settings({variable: "/z"}, files, kind=lambda _: "")
    assert chosen.arguments == []
    assert set(chosen.environment) <= {variable}


@pytest.mark.parametrize(
    "name",
    [
        "UV_CONSTRAINT",
        "UV_SYSTEM_PYTHON",
        "UV_PYTHON",
        "UV_CACHE_DIR",
        "UV_NO_CACHE",
        "UV_INDEX_STRATEGY",
        "UV_CONFIG_FILE",
        "UV_EXCLUDE_NEWER",
        "UV_PROJECT_ENVIRONMENT",
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "LD_PRELOAD",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "HOME",
        "TMPDIR",
    ],
)
def test_dropped(name: str) -> None:
    """A variable that would lead uv away from the environment does not reach it."""
    assert settings({name: "/x"}, [], kind=lambda _: "").environment == {}


@pytest.mark.parametrize("name", ["PATH", "LANG", "CC", "CFLAGS", "LD_LIBRARY_PATH", "NO_PROXY", "GIT_SSL_CAINFO"])
def test_kept(name: str) -> None:
    """What compilers and downloads of a build go by stays."""
    assert settings({name: "x"}, [], kind=lambda _: "").environment == {name: "x"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({}, "true"), ({"SSL_CERT_FILE": "/x"}, None), ({"PIP_CERT": "/x"}, None), ({"UV_SYSTEM_CERTS": "0"}, "0")],
)
def test_system_certificates(environ: dict[str, str], expected: str | None) -> None:
    """The image's own certificates are trusted unless others are named."""
    chosen = settings(environ, [], kind=lambda _: "", system_certificates=True)
    assert chosen.environment.get("UV_SYSTEM_CERTS") == expected


def test_notes_hold_no_values() -> None:
    """The log says which settings come from where, and never what they are."""
    environ = {
        "PIP_INDEX_URL": "https://user:secret@host",
        "UV_INDEX": "https://secret@x",
        "PIP_PROXY": "http://secret@p",
    }
    files = [conf("[global]\nextra-index-url = https://secret\ntimeout = 5\nconstraint = /secret.txt\n")]
    notes = settings(environ, files, kind=lambda _: "").notes
    assert notes == [
        "using settings: UV_INDEX, PIP_INDEX_URL, PIP_PROXY, timeout (/etc/pip.conf)",
        "ignoring pip settings: constraint (/etc/pip.conf)",
    ]


@pytest.mark.parametrize(
    ("environ", "files", "message"),
    [
        ({"PIP_TIMEOUT": "soon"}, [], "PIP_TIMEOUT is not a number: write one, such as 60"),
        ({"PIP_RETRIES": "9" * 5000}, [], "PIP_RETRIES is not a number"),
        ({"PIP_TIMEOUT": "inf"}, [], "PIP_TIMEOUT is not a number"),
        ({}, [conf("[global]\ntimeout = s3cret\n")], r"timeout \(/etc/pip.conf\) is not a number"),
        (
            {},
            [conf("machine h password s3cret\n")],
            "cannot read /etc/pip.conf, line 1: a pip.conf begins with a section",
        ),
        ({}, [conf("[global]\ns3cret\n")], "cannot read /etc/pip.conf, line 2: expected a setting, such as"),
        ({}, [conf("[s3cret]\n[s3cret]\n")], "cannot read /etc/pip.conf, line 2: this section occurs twice"),
        ({}, [conf("[global]\ns3cret=1\ns3cret=2\n")], "cannot read /etc/pip.conf, line 3: this setting occurs twice"),
    ],
)
def test_refused(environ: dict[str, str], files: list[tuple[str, str]], message: str) -> None:
    """What pip would refuse is an error that names its place, and shows nothing of the content: it may be a secret."""
    with pytest.raises(ProvisionError, match=message) as error:
        settings(environ, files, kind=lambda _: "")
    assert "s3cret" not in str(error.value)


SYSTEM = ["/etc/xdg/pip/pip.conf", "/etc/pip.conf"]
USER = ["/home/astro/.pip/pip.conf", "/home/astro/.config/pip/pip.conf"]


@pytest.mark.parametrize(
    ("environ", "present", "read"),
    [
        pytest.param({}, [*SYSTEM, *USER], [*SYSTEM, *USER], id="system, then user"),
        pytest.param({}, [], [], id="none"),
        pytest.param({"PIP_CONFIG_FILE": os.devnull}, [*SYSTEM, *USER], [], id="switched off"),
        pytest.param(
            {"PIP_CONFIG_FILE": "/own"}, [*SYSTEM, *USER, "/own"], [*SYSTEM, "/own"], id="own file for user's"
        ),
        pytest.param({"PIP_CONFIG_FILE": "/none"}, [*SYSTEM, *USER], [*SYSTEM, *USER], id="own file that is missing"),
        pytest.param(
            {"XDG_CONFIG_DIRS": "/a:/b"}, ["/b/pip/pip.conf", *SYSTEM], ["/b/pip/pip.conf", SYSTEM[1]], id="xdg"
        ),
    ],
)
def test_files(environ: dict[str, str], present: list[str], read: list[str]) -> None:
    """The files that pip would read for the stage's user are found, in pip's order."""
    files = dict.fromkeys(present, "text")
    assert pip_config_files(environ, "/home/astro", files.get) == [(name, "text") for name in read]
