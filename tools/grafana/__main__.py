"""``python -m tools.grafana FOLDER``: writes the files of Grafana."""

import sys
from pathlib import Path

from tools.grafana.files import files

for place, text in files():
    target = Path(sys.argv[1]) / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
