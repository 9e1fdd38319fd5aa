"""The first bytes on the wire."""

import subprocess
import sys

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from buildkit_llb.preface import PREFACE, SETTINGS


def test_preface_is_what_h2_would_write() -> None:
    """The literal preface equals h2's own bytes for the same settings, or the two would disagree on what was agreed."""
    connection = H2Connection(H2Configuration(client_side=True))
    values = {SettingCodes(code): value for code, value in SETTINGS.items()}
    connection.local_settings = Settings(client=True, initial_values=values)
    connection.initiate_connection()
    assert connection.data_to_send() == PREFACE


def test_preface_needs_no_heavy_import() -> None:
    """Importing the preface loads neither h2 nor protobuf, so it can be written before they are."""
    code = "import sys; from buildkit_llb.preface import PREFACE; print(*sorted(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    modules = run.stdout.split()
    assert not [name for name in modules if name.split(".")[0] in {"h2", "hpack", "google", "asyncio", "typing"}]
    assert [name for name in modules if name.startswith("buildkit_llb")] == ["buildkit_llb", "buildkit_llb.preface"]
