"""What is not to be seen is not in the log, and in no URL that is kept."""

import base64
import hashlib
import json
from pathlib import Path

import credentials
import direct_urls
import pytest
import redaction
import secret_parts
from layout import Layout
from redaction import Redactor


def redactor(
    environ: dict[str, str] | None = None, names: tuple[str, ...] = (), texts: tuple[str, ...] = ()
) -> Redactor:
    """What a step with these settings uses."""
    return Redactor(secret_parts.values(environ or {}, names, texts))


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
    monkeypatch.setattr(secret_parts, "MOUNTED", tmp_path)
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
    direct_urls.clean(sorted(tmp_path.iterdir()), redactor({"SIG": "query-secret"}, ("SIG",)))
    data = (directory / "direct_url.json").read_bytes()
    assert json.loads(data) == {"url": kept, "vcs_info": {"vcs": "git"}}
    record = (directory / "RECORD").read_text().splitlines()[1]
    if url == kept:
        assert record.endswith(",sha256=x,1")
    else:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert record == f"{directory.name}/direct_url.json,sha256={digest},{len(data)}"


UNUSUAL = [
    pytest.param(
        "PIP_INDEX_URL", "https://me:pa%2fss%40w1@h/", ["pa/ss@w1", "pa%2Fss%40w1", "pa%2fss%40w1"], id="lower hex"
    ),
    pytest.param("PIP_INDEX_URL", "https://me:%73%33cr3t1@h/", ["s3cr3t1", "%73%33cr3t1"], id="over-encoded"),
    pytest.param("PIP_INDEX_URL", "https://me:pa%252Fss1w@h/", ["pa%252Fss1w", "pa%2Fss1w"], id="double-encoded"),
    pytest.param("PIP_INDEX_URL", "https://me:pa+ss+w0@h/", ["pa+ss+w0", "pa%2Bss%2Bw0"], id="plus"),
    pytest.param(
        "TOKEN", "a/b@c:d e1", ["a%2Fb%40c%3Ad%20e1", "a%2Fb%40c%3Ad+e1", "a%252Fb%2540c%253Ad%2520e1"], id="re-encoded"
    ),
    pytest.param(
        "TOKEN",
        "s3cr3tvalue",
        ["cm9ib3Q6czNjcjN0dmFsdWU=", "cjpzM2NyM3R2YWx1ZQ==", "cm86czNjcjN0dmFsdWU="],
        id="token with fixed user",
    ),
    pytest.param("LOGIN", "robot:s3cr3tvalue", ["s3cr3tvalue", "cm9ib3Q6czNjcjN0dmFsdWU="], id="login pair"),
    pytest.param("AUTH", "Basic bWU6czNjcjN0dmFsdWU=", ["bWU6czNjcjN0dmFsdWU=", "s3cr3tvalue"], id="basic header"),
    pytest.param("AUTH", "Bearer abcdefghijkl", ["abcdefghijkl"], id="bearer"),
    pytest.param("TOKEN", "pässwörd", ["p\\u00e4ssw\\u00f6rd", "p\\xc3\\xa4ssw\\xc3\\xb6rd"], id="json ascii"),
    pytest.param("TOKEN", "pa'ss\"w\\1", ["pa\\'ss\"w\\\\1", "pa'ss\\\"w\\\\1"], id="repr"),
    pytest.param("TOKEN", "pa'ss w1&x", ["'pa'\"'\"'ss w1&x'", "pa\\'ss\\ w1\\&x"], id="shell"),
    pytest.param("TOKEN", "pa/ss/w1", ["pa\\/ss\\/w1"], id="json slash"),
    pytest.param("TOKEN", "pa&ss<w1", ["pa&amp;ss&lt;w1"], id="html"),
    pytest.param(
        "GOOGLE_APPLICATION_CREDENTIALS",
        '{"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEabcDEF123\\nZZZaaa999\\n-----END"}',
        ["MIIEabcDEF123", "ZZZaaa999"],
        id="pem in json",
    ),
    pytest.param("NETRC", "machine h\nlogin me\npassword\n  n3trcpw\n", ["n3trcpw"], id="netrc next line"),
    pytest.param("NETRC", 'machine h login me password "n3\\"trc"', ['n3"trc'], id="netrc escaped"),
    pytest.param("NETRC", "machine h login me password n3\\#trc", ["n3#trc", "n3\\#trc"], id="netrc backslash"),
    pytest.param("NETRC", "machine h login me password letmein", ["letmein"], id="netrc plain word"),
    pytest.param(
        "NETRC",
        "machine h login me password one1word machine i login you password two2word",
        ["one1word", "two2word"],
        id="netrc one line many",
    ),
    pytest.param("NETRC", "default login me password defaultpw", ["defaultpw"], id="netrc default"),
    pytest.param("NETRC", "machine h login me account acc0unt password pw12", ["acc0unt", "pw12"], id="netrc account"),
    pytest.param("NETRC", "machine h login me password pw#with#hash", ["pw#with#hash"], id="netrc hash"),
    pytest.param("PIP_INDEX_URL", "https://me:abc@h/x", ["https://me:abc@h/x"], id="short in url"),
    pytest.param("NETRC", "machine h login me password abc", ["https://me:abc@h/x", "bWU6YWJj"], id="short netrc"),
    pytest.param("TOKEN", "abc", ["https://abc@h/x", "https://abc:@h/x"], id="short var"),
    pytest.param("PIP_INDEX_URL", "https://me:abc@h/x", ["bWU6YWJj"], id="short url header"),
    pytest.param("TOKEN", "\ufefft0k3n-bom-1", ["t0k3n-bom-1"], id="byte order mark"),
    pytest.param("TOKEN", "line0ne-1\r\nline2wo-2\r\n", ["line0ne-1", "line2wo-2"], id="crlf"),
    pytest.param("PIP_INDEX_URL", "https://me:s3cr3tpw@[::1]:8080/x", ["s3cr3tpw"], id="ipv6"),
    pytest.param(
        "PIP_INDEX_URL",
        "https://me@corp.com:s3cr3tpw@h/x",
        ["s3cr3tpw", "https://me@corp.com:s3cr3tpw@h/x"],
        id="at in user",
    ),
    pytest.param("PIP_INDEX_URL", "https://t0k3n%2Bus3r:@h/x", ["t0k3n+us3r", "t0k3n%2Bus3r"], id="encoded user"),
    pytest.param("PIP_INDEX_URL", "HTTPS://me:s3cr3tpw@h/x", ["s3cr3tpw"], id="scheme case"),
    pytest.param("PIP_INDEX_URL", "https:me:s3cr3tpw@h/x", ["s3cr3tpw"], id="no slash"),
    pytest.param("PIP_INDEX_URL", "https:\\\\me:s3cr3tpw@h\\x", ["s3cr3tpw"], id="backslash"),
    pytest.param("PIP_INDEX_URL", "https://h/a;token=abcdefgh/simple", ["abcdefgh"], id="semicolon params"),
    pytest.param("PIP_INDEX_URL", "https://h/simple?sig=a%2Fb%3D1&x=1", ["a/b=1", "a%2Fb%3D1"], id="query short sig"),
    pytest.param(
        "PIP_INDEX_URL",
        "https://h/simple?sv=2020-08-04&st=2024&sig=kL9%2Bab%2Fcd%3D&se=x",
        ["kL9+ab/cd=", "kL9%2Bab%2Fcd%3D"],
        id="azure sas",
    ),
    pytest.param("PIP_INDEX_URL", "https://h/simple#access_token=abcdefgh", ["abcdefgh"], id="fragment"),
    pytest.param("PIP_INDEX_URL", "https://h/x@t0k3n4path9/simple", ["t0k3n4path9"], id="userinfo in path"),
    pytest.param(
        "PIP_CONFIG_FILE",
        "[global]\nclient-cert = /x\npassword = plainword\n",
        ["plainword"],
        id="pip.conf password key",
    ),
    pytest.param("PIP_CONFIG_FILE", "[global]\nindex-url: https://me:c0nfpw1@h/x\n", ["c0nfpw1"], id="pip.conf colon"),
    pytest.param(
        "PIP_CONFIG_FILE", '[global]\nindex-url = "https://me:c0nfpw1@h/x"\n', ["c0nfpw1"], id="pip.conf quoted"
    ),
    pytest.param(
        "PIP_CONFIG_FILE",
        "[global]\n# old: https://me:0ldpw12@h/x\nindex-url = https://h/\n",
        ["0ldpw12"],
        id="pip.conf comment",
    ),
    pytest.param("APP_CONFIG", "user: me\npassword: letmeinnow\n", ["letmeinnow"], id="yaml"),
    pytest.param("APP_CONFIG", "USER=me\nexport API_TOKEN='letmeinnow'\n", ["letmeinnow"], id="env file"),
    pytest.param("APP_CONFIG", '{"password": "let\\"me\\/in1"}', ['let"me/in1'], id="json quoted pw"),
    pytest.param(
        "APP_CONFIG",
        '[pypi]\nusername = "__token__"\npassword = "pypi-AgEIcHlwaS5vcmc"\n',
        ["pypi-AgEIcHlwaS5vcmc"],
        id="toml",
    ),
    pytest.param(
        "DOCKER_AUTH",
        '{"auths": {"h": {"auth": "bWU6czNjcjN0dmFsdWU="}}}',
        ["s3cr3tvalue", "bWU6czNjcjN0dmFsdWU="],
        id="docker auth",
    ),
    pytest.param(
        "TOKEN", "dXNlcjpzM2NyM3R2YWx1ZQ==", ["s3cr3tvalue", "dXNlcjpzM2NyM3R2YWx1ZQ=="], id="base64 value decoded"
    ),
    pytest.param("TOKEN", "??>>??>>s3cr3t1", ["Pz8-Pj8_Pj5zM2NyM3Qx"], id="urlsafe"),
]
"""Likewise: secrets and forms of them that are rare."""

FORMS = [
    pytest.param("PIP_INDEX_URL", "https://me:s3cr3tpw@host/simple/", ["s3cr3tpw"], id="password"),
    pytest.param("PIP_INDEX_URL", "https://me:pa%2Fs%40s1@host/simple/", ["pa%2Fs%40s1", "pa/s@s1"], id="encoded"),
    pytest.param("PIP_INDEX_URL", "https://me:pa@ss/w0rd@host/", ["pa@ss/w0rd", "pa%40ss%2Fw0rd"], id="odd"),
    pytest.param("PIP_INDEX_URL", "https://me:pa#ssw0rd@host/", ["pa#ssw0rd", "ssw0rd"], id="fragment"),
    pytest.param("PIP_INDEX_URL", "https://me:pa,ssw0rd@host/", ["pa,ssw0rd"], id="comma"),
    pytest.param("PIP_INDEX_URL", "https://ghp-user-x:@host/", ["ghp-user-x"], id="user alone"),
    pytest.param("PIP_INDEX_URL", "https://userword:x-oauth-basic@host/", ["userword"], id="user with placeholder"),
    pytest.param("PIP_INDEX_URL", "https://t0k3n4us:password1@host/", ["t0k3n4us", "password1"], id="random user"),
    pytest.param("PIP_INDEX_URL", "https://host/t0k3n4path/simple", ["t0k3n4path"], id="segment of the path"),
    pytest.param("PIP_INDEX_URL", "https://host/lowercase/simple", ["https://host/lowercase/x"], id="word in the path"),
    pytest.param("PIP_INDEX_URL", "https://me:pw12@host/aBcDeFgHi/simple", ["aBcDeFgHi"], id="and a password"),
    pytest.param("PIP_INDEX_URL", "https://host/simple?token=abcdef", ["abcdef"], id="query"),
    pytest.param("UV_INDEX", "https://a/simple https://u:s3cr3t1@b https://c/s3cr3tt0k/d", ["s3cr3t1", "s3cr3tt0k"],
                 id="several URLs"),
    pytest.param("UV_FIND_LINKS", "https://a/x,https://u:s3cr3t1@b", ["s3cr3t1"], id="several URLs with commas"),
    pytest.param("UV_INDEX", "corp=https://u:s3cr3t1@b/", ["s3cr3t1"], id="named URL"),
    pytest.param("HTTPS_PROXY", "me:s3cr3t1@proxy:3128", ["s3cr3t1"], id="proxy without scheme"),
    pytest.param("TOKEN", "s3cr3t1", ["s3cr3t1", base64.b64encode(b"s3cr3t1").decode()], id="value"),
    pytest.param("TOKEN", 'quo"te\\d', ['quo"te\\d', json.dumps('quo"te\\d')[1:-1]], id="quotes"),
    pytest.param("TOKEN", "pässwörd", ["pässwörd", "p%C3%A4ssw%c3%b6rd"], id="not ASCII"),
    pytest.param("TOKEN", "t0k3n-of-one wordlongenough", ["t0k3n-of-one", "wordlongenough"], id="words"),
    pytest.param("NETRC", "machine h login me password n3trcpw", ["n3trcpw", base64.b64encode(b"me:n3trcpw").decode()],
                 id="netrc"),
    pytest.param("NETRC", 'machine h login t0k3n4login password "quo ted1"', ["t0k3n4login", "quo ted1"], id="login"),
    pytest.param("PIP_CONFIG_FILE", "[global]\nindex-url = https://h/t0k3n4path/simple", ["t0k3n4path"], id="pip.conf"),
    pytest.param("PIP_CONFIG_FILE", "[global]\nextra-index-url =\n  https://a/simple\n  https://h/unwordly/simple",
                 ["https://h/unwordly/alpha/"], id="pip.conf, several"),
    pytest.param("PIP_CONFIG_FILE", "[global]\nproxy = me:s3cr3t1@proxy\n", ["s3cr3t1"], id="pip.conf, proxy"),
    pytest.param("PIP_CONFIG_FILE", "not a pip.conf but\nmy t0k3n4none\n", ["t0k3n4none"], id="no pip.conf"),
    pytest.param("GOOGLE_APPLICATION_CREDENTIALS", '{"private_key": "k3yk3y", "id": "a1b2c3d4e5"}',
                 ["a1b2c3d4e5"], id="JSON"),
    *UNUSUAL,
]  # fmt: skip
"""A variable that a secret sets, what the secret holds, and what must be hidden wherever it stands."""


def redactor_of(variable: str, secret: str, layout: Layout) -> Redactor:
    """What a step with one secret uses."""
    layout.secrets.mkdir(parents=True)
    (layout.secrets / variable).write_text(secret)
    variables, names = credentials.variables({}, layout)
    texts = [secret] if variable in {"NETRC", "PIP_CONFIG_FILE"} else []
    files = credentials.files(layout)
    return Redactor(secret_parts.values(variables, set(names) - credentials.PATHS, texts, files))


@pytest.mark.parametrize(("variable", "secret", "hidden"), FORMS)
def test_what_is_secret_in_a_secret(variable: str, secret: str, hidden: list[str], layout: Layout) -> None:
    """Each part of it in each form, in every place that the step writes to."""
    redact = redactor_of(variable, secret, layout)
    for word in hidden:
        assert word not in redact(f"error: <{word}> failed")
        assert word not in redact.line("x" * (redaction.LONGEST_LINE - len(word) // 2) + word + "y" * 99)
        assert word not in json.dumps(redaction.cleaned({"origin": [{"url": word}]}, redact), ensure_ascii=False)
        directory = dist_info(layout.root / f"packages-{hidden.index(word)}", "a", f"https://host/{word}/a.whl")
        direct_urls.clean([directory], redact)
        assert word.rpartition("//")[2] not in json.loads((directory / "direct_url.json").read_text())["url"]


@pytest.mark.parametrize(
    ("variable", "secret", "shown"),
    [
        ("PIP_INDEX_URL", "https://me:s3cr3tpw@host.example.com/repository/pypi-local/simple/", "host.example.com"),
        ("PIP_INDEX_URL", "https://me:s3cr3tpw@host/repository/datascience/simple/", "/repository/datascience/simple"),
        ("PIP_INDEX_URL", "https://host/artifactory/api/pypi/pypi-remote/simple", "/artifactory/api/pypi/pypi-remote/"),
        ("PIP_INDEX_URL", "https://host/datascience/simple/", "installing datascience"),
        ("PIP_INDEX_URL", "https://gitlab.host/api/v4/projects/12345678/packages/pypi/simple", "/projects/12345678/"),
        ("PIP_INDEX_URL", "https://host/team1-python3.11/simple?format=json", "python3.11 json format"),
        ("NETRC", "machine nexus01a.example.com login build-user password n3trcpw", "nexus01a.example.com build-user"),
        ("PIP_CONFIG_FILE", "[global]\nindex-url = https://me:pw12@h/pypi/simple\ntimeout = 60\n", "timeout h pypi 60"),
    ],
)
def test_what_is_no_secret_in_a_secret(variable: str, secret: str, shown: str, layout: Layout) -> None:
    """Hosts, and words that are part of the address of an index, are not hidden."""
    assert redactor_of(variable, secret, layout)(f"at {shown} .") == f"at {shown} ."


def test_settings_of_the_image_are_no_secret() -> None:
    """Only credentials and what looks like a token is hidden of an address that everybody can see in the image."""
    redact = redactor({"PIP_INDEX_URL": "https://host/datascience/simple"}, texts=("index-url = https://h/whatever/x",))
    assert redact("https://host/datascience/simple https://h/whatever/x") == (
        "https://host/datascience/simple https://h/whatever/x"
    )
    assert redactor({"PIP_INDEX_URL": "https://host/t0k3n4path/simple"})("/t0k3n4path/") == "/****/"


@pytest.mark.parametrize(
    ("text", "random"),
    [
        *((text, False) for text in ("pypi-local", "datascience", "DataScience", "python-3.11", "team1", "2024-11-28")),
        *((text, False) for text in ("manylinux2014", "x86_64", "release-candidates", "s3cr3t", "ARTIFACTORY")),
        *((text, True) for text in ("t0k3n-f0r-us", "aBcDeFgHiJkL", "123e4567-e89b-12d3-a456-426614174000")),
        *((text, True) for text in ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "hunter2secret", "a%31b2c3d4")),
    ],
)
def test_tokens_look_random(text: str, *, random: bool) -> None:
    """They have digits between letters, or both cases; words with a number do not."""
    assert secret_parts.looks_random(text) is random


def test_secrets_that_are_files(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret with a target is found by its mount, and what else is mounted is none."""
    for name in ("secret", "bind", "uv"):
        (tmp_path / name).write_text(f"{name}-t0k3n1a\n")
    layout.run.mkdir(parents=True)
    (layout.run / "start.sh").write_text("s1t2a3r4t\n")
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(credentials, "MOUNTS", mounts)
    line = "1 2 0:1 / {} ro,nosuid - {} none ro\n"
    mounted = [("secret", "tmpfs"), ("bind", "ext4"), ("nothing", "tmpfs"), ("run/dockerfile-pyenv/start.sh", "tmpfs")]
    mounts.write_text("".join(line.format(tmp_path / path, kind) for path, kind in mounted))
    assert credentials.files(layout) == [tmp_path / "secret"]


def test_long_lines_are_cut() -> None:
    """A line is not longer in the log than anyone reads."""
    shown = redactor({"TOKEN": "s3cr3tvalue"}, ("TOKEN",)).line("x" * 5_000_000 + "\n")
    assert len(shown) < redaction.LONGEST_LINE + 100
    assert shown.endswith("x … (the rest of this line is left out)\n")
