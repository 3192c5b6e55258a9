"""What shows the documents of docs/api: ready-made bundles of npm packages, which are all that is kept of those."""

import shutil
from pathlib import Path
from typing import NamedTuple

from tools.documents.npm import installed

_ASYNCAPI = "@asyncapi/react-component"
_BUNDLES = {
    "viewers/asyncapi.js": f"{_ASYNCAPI}/browser/standalone/index.js",
    "viewers/asyncapi.css": f"{_ASYNCAPI}/styles/default.min.css",
    "viewers/asyncapi.js.LICENSE.txt": f"{_ASYNCAPI}/browser/standalone/index.js.LICENSE.txt",
    "viewers/asyncapi.LICENSE.txt": f"{_ASYNCAPI}/LICENSE",
    "viewers/openapi.js": "swagger-ui-dist/swagger-ui-bundle.js",
    "viewers/openapi.css": "swagger-ui-dist/swagger-ui.css",
    "viewers/openapi.js.LICENSE.txt": "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt",
    "viewers/openapi.LICENSE.txt": "swagger-ui-dist/LICENSE",
}


class Viewer(NamedTuple):
    """What a page loads to show a document, as places on the site."""

    scripts: tuple[str, ...]
    styles: tuple[str, ...]


VIEWERS = {kind: Viewer((f"viewers/{kind}.js",), (f"viewers/{kind}.css",)) for kind in ("asyncapi", "openapi")}
"""By the kind of document."""


def viewer_files(root: Path) -> dict[str, bytes]:
    """The viewers' files by their places on the site; their packages are installed where they are not yet.

    Raises:
        ConfigurationError: they can't be installed.
    """
    folder = installed(root / "docs" / "site", root / ".tools" / "docs-site", prepare=_keep_bundles)
    return {place: (folder / place).read_bytes() for place in _BUNDLES}


def _keep_bundles(folder: Path) -> None:
    # a bundle holds what it needs: the packages that it was made from are installed with it, and of no use
    for place, source in _BUNDLES.items():
        (folder / place).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "node_modules" / source, folder / place)
    shutil.rmtree(folder / "node_modules")
