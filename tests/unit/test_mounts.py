"""Secrets of a PYENV line, as mounts."""

import pytest

from dockerfile_pyenv.instruction import secrets
from dockerfile_pyenv.instruction.secrets import SecretError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("id=netrc", ["type=secret,id=netrc,target=/run/x/secrets/NETRC,required=true"]),
        ("id=pip.conf", ["type=secret,id=pip.conf,target=/run/x/secrets/PIP_CONFIG_FILE,required=true"]),
        (
            "id=UV_INDEX_CORP_PASSWORD",
            ["type=secret,id=UV_INDEX_CORP_PASSWORD,target=/run/x/secrets/UV_INDEX_CORP_PASSWORD,required=true"],
        ),
        ("id=ca,env=SSL_CERT_FILE", ["type=secret,id=ca,target=/run/x/secrets/SSL_CERT_FILE,required=true"]),
        ("id=netrc,required=false", ["type=secret,id=netrc,target=/run/x/secrets/NETRC"]),
        (
            "id=key,target=/root/.ssh/key,mode=0400,uid=0",
            ["type=secret,id=key,target=/root/.ssh/key,mode=0400,uid=0,required=true"],
        ),
        (
            "type=secret,src=a,env=A,dst=/a,required",
            ["type=secret,id=a,target=/run/x/secrets/A,required=true", "type=secret,id=a,target=/a,required=true"],
        ),
    ],
)
def test_secrets(value: str, expected: list[str]) -> None:
    """A secret goes to the variable or file that is named, else to the one that its id speaks of."""
    assert list(secrets.secret(value).mounts("/run/x")) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("env=A", "the id is missing: write --secret=id=<id>"),
        ("netrc", "netrc is not valid: write id=<id>"),
        ("id=netrc,", "an empty option is not valid"),
        ("id=", "id= is not valid"),
        ("id=a b", "id contains an invalid character"),
        ("id=a,target=/a$b", "target contains an invalid character"),
        ("id=a,target=a", "target must be an absolute path"),
        ("id=a,env=1a", "1a is not a variable name"),
        ("id=netrc,required=maybe", "required=maybe is not valid"),
        ("id=netrc,mode=rw", "mode=rw is not valid"),
        ("type=ssh,id=netrc", "type=ssh is not valid"),
        ("id=corp", "the id corp does not say what the secret is for: add env=<variable>"),
    ],
)
def test_what_is_no_secret(value: str, words: str) -> None:
    """Each is told what to write."""
    with pytest.raises(SecretError) as caught:
        secrets.secret(value)
    assert words in str(caught.value)
