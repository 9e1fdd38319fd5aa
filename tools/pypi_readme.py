"""README as PyPI shows it: its links lead to the published source, or are plain text until there is one.

Hatchling calls this (`tool.hatch.metadata.hooks.custom` in pyproject.toml).
"""  # noqa: INP001

import sys
from functools import partial
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

sys.path.insert(0, str(Path(__file__).parent))
import links


class Readme(MetadataHookInterface):
    """The dynamic field `readme`."""

    def update(self, metadata: dict[str, object]) -> None:
        """Add the field."""
        root = Path(self.root)
        text = (root / "README.md").read_text(encoding="utf-8")
        text = links.rewrite(text, "README.md", partial(links.in_source, root))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
