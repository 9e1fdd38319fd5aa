"""No part of a secret is in what a build leaves, in whichever way it is given and however the build ends.

The unit tests of provision/ (test_leaks_of_steps.py) have more ways and endings, for what a step writes.
"""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.bed import forge as company
from tests.bed.index import Index
from tests.engine import leaks, progress
from tests.engine.wheels import failing, sdist, wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bed.forge import Forge
    from tests.conftest import Engines
    from tests.engine.conftest import Project

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
SCANNER = """\
#!/bin/sh
cd $BUILDKIT_SCAN_SOURCE/opt/astro-pyenv/envs
found=$(find . -name '*.json' -o -name RECORD | xargs cat | tr -c '[:print:]' ' ' | tr '"\\\\' '  ')
cat > $BUILDKIT_SCAN_DESTINATION/sbom.spdx.json <<EOF
{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","predicate":{"found":"$found"}}
EOF
"""
CACHE = "FROM debian:bookworm-slim\nCOPY parts /parts\n"
CACHE += "RUN --mount=type=cache,id=dockerfile-pyenv,target=/cache ! grep -rlaF -f /parts /cache\n"


class Given:
    """Ways to give a credential: for each a PYENV line, an index of its own, and secrets that no other way has."""

    def __init__(self, forge: Forge, index: Index) -> None:
        self.forge = forge
        self.index = index
        self.lines: list[str] = []
        self.files: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        """Contents of build secrets, by id."""
        self.parts: list[str] = []
        """What must be nowhere."""

    def add(self, name: str, flags: str, requirements: str = "ours\n", **secrets: str) -> None:
        """Add a way, with the flags of its line, its requirements file and its secrets, by id."""
        self.files[f"{name}.txt"] = requirements
        self.lines.append(f"PYENV {flags} 3.9 {name} {name}.txt\n")
        self.secrets |= secrets

    def password(self, more: str = "") -> str:
        """A password of the forge, which knows all that begin like its own, and takes them for users, too."""
        return self.secret(f"{company.PASSWORD}-{uuid.uuid4().hex[:8]}{more}")

    def secret(self, text: str) -> str:
        """A text that must be nowhere."""
        self.parts.append(text)
        return text

    def open(self, name: str = "") -> str:
        """Address, without the scheme, of an index that has no password; its name is a token, unless it gets one."""
        index = Index(self.index.address, name or self.secret(f"t0k{uuid.uuid4().hex}"))
        return self._filled(index)

    def protected(self) -> str:
        """Address, without the scheme, of an index behind a password."""
        return self._filled(self.forge.index("".join(chr(97 + int(one, 16)) for one in uuid.uuid4().hex)))

    def login(self) -> str:
        """User and password as in an address."""
        return f"{company.USER}:{self.password()}"

    @staticmethod
    def _filled(index: Index) -> str:
        packages = [wheel("ours", requires=("needed",)), wheel("needed"), sdist("built"), failing("broken")]
        packages += [wheel("other", requires=("needed>=2",))]
        for name, data in packages:
            index.add(name, data)
        return index.url.removeprefix("http://")


@pytest.fixture
def given(forge: Forge, index: Index) -> Given:
    """Each way that the reference documents, but for ssh and git, which test_private.py has."""
    found = Given(forge, index)
    trusted = f"--trusted-host {index.host}\n--trusted-host {forge.address}:8180\n"
    netrc = f"machine {forge.address}\nlogin {company.USER}\npassword {{}}\n"
    for name, flags, package in (
        ("netrc", "", "ours"), ("netrc_pip", "--installer=pip ", "ours"), ("netrc_stage", "", "built"),
    ):  # fmt: skip
        found.add(
            name,
            f"{flags}--secret=id={name},env=NETRC",
            f"--index-url http://{found.protected()}\n{trusted}{package}\n",
            **{name: netrc.format(found.password())},
        )
    text = f"--index-url http://{found.protected()}\nours\n"
    found.add("netrc_id", "--secret=id=netrc", text, netrc=netrc.format(found.password()))
    mount = "--mount=type=secret,id=mounted,target=/root/.netrc,required"
    found.add("mounted", mount, text, mounted=netrc.format(found.password()))
    for name, flags in (("uv", ""), ("pip", "--installer=pip ")):
        odd = quote(found.password("/p%w:é +@"), safe="")
        url = f"http://{company.USER}:{odd}@{found.protected()}"
        text = f"{trusted}ours\n"
        found.add(
            f"odd_{name}", f"{flags}--secret=id=odd_{name},env=PIP_INDEX_URL", text, **{f"odd_{name}": f"{url}\n"}
        )
        url = f"http://{found.open()}"
        found.add(f"path_{name}", f"{flags}--secret=id=path_{name},env=PIP_INDEX_URL", text, **{f"path_{name}": url})
        conf = (
            f"[global]\nindex-url = http://{found.login()}@{found.protected()}\nextra-index-url =\n"
            f"    http://{found.open()}\n    http://{found.password()}:@{found.protected()}\n"
        )
        found.add(f"conf_{name}", f"{flags}--secret=id=conf_{name},env=PIP_CONFIG_FILE", text, **{f"conf_{name}": conf})
        text = f"ours @ http://${{LOGIN}}@{found.protected()}".replace("/simple/", "/files/ours-1.0-py3-none-any.whl\n")
        text += f"needed @ http://{index.host}/${{TOKEN}}/files/needed-1.0-py3-none-any.whl\n{trusted}"
        flags += f"--secret=id=login_{name},env=LOGIN --secret=id=token_{name},env=TOKEN"  # noqa: PLW2901 - the rest
        token = found.open().split("/")[1]
        found.add(f"url_{name}", flags, text, **{f"login_{name}": found.login(), f"token_{name}": f"{token}\n"})
    conf = f"[install]\nindex-url = http://{found.login()}@{found.protected()}\n"
    mount = "--mount=type=secret,id=conf_root,target=/root/.config/pip/pip.conf"
    found.add("conf_root", mount, conf_root=conf)
    conf = f"[global]\nindex-url = http://{found.login()}@{found.protected()}\n"
    found.add("conf_id", "--secret=id=pip.conf", **{"pip.conf": conf})
    several = f"http://{found.open()} company=http://{found.password()}:x-oauth-basic@{found.protected()}"
    found.add("several", "--secret=id=several,env=UV_INDEX", several=several)
    links = f"http://{found.login()}@{found.protected()}"
    links = f"{links}ours/ {links}needed/"
    found.add("links", "--secret=id=links,env=PIP_FIND_LINKS", "--no-index\nours\n", links=links)
    text = f"--index-url http://${{TOKEN}}@{found.protected()}\nours\n"
    found.add("user", "--secret=id=TOKEN", text, TOKEN=found.password())
    behind = f"http://{found.open()}".replace(index.address, "index.internal")
    flags = "--secret=id=proxy,env=HTTP_PROXY --secret=id=behind,env=PIP_INDEX_URL"
    found.add("proxy", flags, proxy=f"http://{company.USER}:{company.PASSWORD}@{forge.proxy}", behind=behind)
    account = json.dumps({"private_key": found.password("-----"), "private_key_id": found.secret(uuid.uuid4().hex)})
    text = f"--index-url http://{found.open('open')}\nours\n"
    found.add("account", "--secret=id=account,env=GOOGLE_APPLICATION_CREDENTIALS", text, account=account)
    found.lines.append(f"ENV UV_DEFAULT_INDEX=company=http://{found.protected()}\n")
    flags = "--secret=id=user,env=UV_INDEX_COMPANY_USERNAME --secret=id=UV_INDEX_COMPANY_PASSWORD"
    password = {"UV_INDEX_COMPANY_PASSWORD": found.password("\\'\"") + "\n"}
    found.add("named", flags, user=company.USER, **password)
    return found


def with_secrets(given: Given, folder: Path) -> list[str]:
    """Flags of docker build that hand over all secrets, written into a folder."""
    folder.mkdir()
    for name, text in given.secrets.items():
        (folder / name).write_text(text)
    return [f"--secret=id={name},src={folder / name}" for name in given.secrets]


def test_no_way_to_give_a_credential_leaves_a_part_of_it(
    engines: Engines, project: Project, given: Given, tmp_path: Path
) -> None:
    """Neither the image with all attestations, nor an exported cache, nor the shared one, nor the log has any."""
    engine = engines("28-containerd")
    scanner = {
        "Dockerfile": 'FROM debian:bookworm-slim\nCOPY --chmod=755 scan /scan\nENTRYPOINT ["/scan"]\n',
        "scan": SCANNER,
    }
    engine.build(
        "--load", "-t", "scanner:leaks", project({f"scanner/{name}": one for name, one in scanner.items()}) / "scanner"
    )
    text = SYNTAX + "FROM debian:bookworm-slim\n" + "".join(given.lines)
    files = {f"context/{name}": one for name, one in {"Dockerfile": text, **given.files}.items()}
    image, cache = tmp_path / "image.tar", tmp_path / "cache"
    log = engine.build(
        *with_secrets(given, tmp_path / "secrets"),
        "--attest=type=sbom,generator=scanner:leaks",
        "--provenance=mode=max",
        f"--output=type=oci,dest={image}",
        f"--cache-to=type=local,dest={cache},mode=max",
        project(files) / "context",
        progress="rawjson",
    ).log
    said = "".join(step.log for step in progress.parse(log).steps.values())
    places = {"image": image, "cache": cache, "log": log.encode(), "said": said.encode()}
    found = {name: leaks.find(place, given.parts, name=name) for name, place in places.items()}
    assert found == {name: [] for name in places}
    # What was searched is what was to be searched.
    assert len(leaks.find(image, ["direct_url", "mobyproject.org/buildkit", "spdx.dev/Document"])) >= 3
    assert leaks.find(cache, ["ours-1.0.dist-info/METADATA"])
    assert leaks.find(said.encode(), ["netrc_stage: installing in the build stage"], name="log")
    (tmp_path / "search").mkdir()
    (tmp_path / "search/parts").write_text("\n".join(given.parts) + "\n")
    (tmp_path / "search/Dockerfile").write_text(CACHE)
    engine.build("--no-cache", tmp_path / "search")


FAILURES = {
    "401": "--extra-index-url http://${{WRONG}}@{denied}\nmissing\n",
    "404": "--extra-index-url http://{denied}\nours==7\nmissing @ http://${{LOGIN}}@{files}missing-1.0.tar.gz\n",
    "conflict": "ours\nneeded==1.0\nother\n",
    "build": "ours\nbroken\n",
}


@pytest.mark.slow
def test_a_build_that_fails_says_nothing_of_a_secret(
    engines: Engines, project: Project, given: Given, tmp_path: Path
) -> None:
    """Neither as a text nor as JSON, with both installers, whatever the reason."""
    engine = engines("28")
    given.secrets["WRONG"] = given.secret(f"wr0ng{uuid.uuid4().hex}")
    secrets = with_secrets(given, tmp_path / "secrets")
    flags = "--secret=id=netrc --secret=id=pip.conf --secret=id=login_uv,env=LOGIN --secret=id=TOKEN --secret=id=WRONG"
    flags += " --secret=id=account,env=GOOGLE_APPLICATION_CREDENTIALS --secret=id=several,env=UV_INDEX"
    flags += " --secret=id=path_uv,env=PIP_EXTRA_INDEX_URL"
    values = {"denied": given.protected(), "files": given.protected().replace("/simple/", "/files/")}
    cases = []
    for installer in ("uv", "pip"):
        for name, text in FAILURES.items():
            folder = f"{installer}-{name}"
            line = f"PYENV --installer={installer} {flags} 3.9 one one.txt\n"
            project(
                {
                    f"{folder}/Dockerfile": f"{SYNTAX}FROM debian:bookworm-slim\n{line}",
                    f"{folder}/one.txt": text.format(**values),
                }
            )
            cases.append(folder)

    def run(case: str) -> dict[str, str]:
        logs = {one: engine.build(*secrets, tmp_path / case, progress=one, check=False) for one in ("plain", "rawjson")}
        said = "".join(step.log for step in progress.parse(logs["rawjson"].log).steps.values())
        return {"said": said, **{one: result.log for one, result in logs.items()}}

    with ThreadPoolExecutor(4) as pool:
        logs = dict(zip(cases, pool.map(run, cases), strict=True))
    assert [case for case, texts in logs.items() if "one: cannot install" not in texts["said"]] == []
    found = {
        case: leaks.find("\n".join(texts.values()).encode(), given.parts, name=case) for case, texts in logs.items()
    }
    assert found == {case: [] for case in cases}
