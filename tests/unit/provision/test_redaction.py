"""What is not to be seen is not in the log, and in no URL that is kept."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
import redaction
from redaction import Redactor


def redactor(
    environ: dict[str, str] | None = None, names: tuple[str, ...] = (), texts: tuple[str, ...] = ()
) -> Redactor:
    """What a step with these settings uses."""
    return Redactor(redaction.values(environ or {}, names, texts))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("from https://me:s3cr3t@host/x", "from https://me:****@host/x"),
        ("git+https://t0k3n@host/x", "git+https://****@host/x"),
        ("git+ssh://git@host/x", "git+ssh://git@host/x"),
        ("https://${TOKEN}@host/x and https://me:****@host", "https://${TOKEN}@host/x and https://me:****@host"),
        ("mail me@host", "mail me@host"),
    ],
)
def test_credentials_of_urls(text: str, shown: str) -> None:
    """A password or token is hidden, a user's name and what uv hid before stays."""
    assert redactor()(text) == shown


def test_values_of_secrets() -> None:
    """They are hidden wherever they stand, the longer ones first, and in a header of HTTP too."""
    redact = redactor({"GITHUB_PAT": "abcd", "OTHER": "abcdef", "HOME": "/root"}, ("GITHUB_PAT", "OTHER"))
    header = base64.b64encode(b"abcdef").decode()
    assert redact(f"x abcdef y abcd {header} /root abc") == "x **** y **** **** /root abc"


def test_values_of_several_lines() -> None:
    """Each longer line of them is hidden."""
    redact = redactor({"KEY": "-----BEGIN\nAAAABBBBCCCC\nend"}, ("KEY",))
    assert redact("AAAABBBBCCCC at the end") == "**** at the end"


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("UV_INDEX_CORP_PASSWORD", "pa55word", True),
        ("API_KEY", "k3yk3y", True),
        ("DB_PASSWORD", "airflow", False),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/a/key1.json", False),
        ("TOKENIZERS_PARALLELISM", "0000", False),
        ("PATH", "/usr/bin1", False),
        ("PIP_INDEX_URL", "https://me:pa%2Fss1@host/simple", True),
        ("HTTPS_PROXY", "http://pr0xytoken@proxy:3128", True),
    ],
)
def test_values_of_variables(name: str, value: str, *, hidden: bool) -> None:
    """What is named like a password is hidden, unless it is a plain word or a path; and so are passwords in URLs."""
    words = {"PIP_INDEX_URL": "pa/ss1", "HTTPS_PROXY": "pr0xytoken"}.get(name, value)
    assert (redactor({name: value})(f"<{words}>") == "<****>") is hidden


def test_values_of_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Passwords of netrc and pip.conf are hidden, and whatever secret is mounted in its usual place."""
    monkeypatch.setattr(redaction, "MOUNTED", tmp_path)
    (tmp_path / "token").write_text("t0k3n-file\n")
    (tmp_path / "large").write_text("0123456789\n" * 1000)
    (tmp_path / "directory").mkdir()
    netrc = "machine a login me password netrcpw\nmachine b\n  login you\n  password 0therpw\n"
    conf = "[global]\nindex-url = https://me:c0nfpw@host/simple\n"
    redact = redactor(texts=(netrc, conf))
    assert redact("netrcpw 0therpw c0nfpw t0k3n-file me you 0123456789") == "**** **** **** **** me you 0123456789"


def test_short_values_are_not_looked_for() -> None:
    """They stand in too many words."""
    assert redactor({"TOKEN": "abc"}, ("TOKEN",))("abcdef") == "abcdef"


def dist_info(packages: Path, name: str, url: str) -> Path:
    """The metadata of a package that was installed from a URL."""
    directory = packages / f"{name}-1.0.dist-info"
    directory.mkdir(parents=True)
    (directory / "direct_url.json").write_text(json.dumps({"url": url, "vcs_info": {"vcs": "git"}}))
    (directory / "RECORD").write_text(f"a.py,,\n{directory.name}/direct_url.json,sha256=x,1\n")
    return directory


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://me:s3cr3t@host/x", "https://host/x"),
        ("https://host/x?sig=query-secret", "https://host/x?sig=****"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("https://${TOKEN}@host/x", "https://${TOKEN}@host/x"),
        ("file:///tmp/x", "file:///tmp/x"),
    ],
)
def test_direct_urls(tmp_path: Path, url: str, kept: str) -> None:
    """PEP 610: no credentials in what is kept, and RECORD still describes the file."""
    directory = dist_info(tmp_path, "a", url)
    (tmp_path / "b-1.0.dist-info").mkdir()
    redaction.direct_urls(sorted(tmp_path.iterdir()), redactor({"SIG": "query-secret"}, ("SIG",)))
    data = (directory / "direct_url.json").read_bytes()
    assert json.loads(data) == {"url": kept, "vcs_info": {"vcs": "git"}}
    record = (directory / "RECORD").read_text().splitlines()[1]
    if url == kept:
        assert record.endswith(",sha256=x,1")
    else:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert record == f"{directory.name}/direct_url.json,sha256={digest},{len(data)}"
