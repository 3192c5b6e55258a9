"""``python -m tools.documents FOLDER``: writes every generated page and document."""

import sys
from pathlib import Path

from contracts.errors import ConfigurationError
from tools.documents.files import files

docs = Path(sys.argv[1])
try:
    for place, text in files(docs):
        (docs / place).parent.mkdir(parents=True, exist_ok=True)
        (docs / place).write_text(text, encoding="utf-8")
except ConfigurationError as error:
    sys.exit(str(error))
