"""``python -m tools.documents.site ROOT FOLDER``: writes the site of the repository at ROOT."""

import sys
from pathlib import Path

from contracts.errors import ConfigurationError
from tools.documents.site.pages import site_files
from tools.documents.site.viewers import viewer_files

root, folder = (Path(argument) for argument in sys.argv[1:])
try:
    for place, content in (*site_files(root).items(), *viewer_files(root).items()):
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
except ConfigurationError as error:
    sys.exit(str(error))
