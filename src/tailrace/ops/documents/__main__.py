"""``python -m tailrace.ops.documents FOLDER``: writes every page and document that is made from the code."""

import sys
from pathlib import Path

from tailrace.ops.documents.files import files

for place, text in files():
    target = Path(sys.argv[1]) / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
