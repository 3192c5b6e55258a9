"""``python -m tailrace.ops.documents.site ROOT FOLDER``: writes the site of the repository at ROOT."""

import sys
from pathlib import Path

from tailrace.contracts.errors import ConfigurationError
from tailrace.ops.documents.site.pages import site_files
from tailrace.ops.documents.site.viewers import viewer_files

root, folder = (Path(argument) for argument in sys.argv[1:])
try:
    for place, content in (*site_files(root).items(), *viewer_files(root).items()):
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
except ConfigurationError as error:
    sys.exit(str(error))
