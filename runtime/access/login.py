"""The page that asks for a read key. It needs no script."""

from html import escape

LOGIN_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Log in · Tailrace</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ display: grid; place-content: center; min-height: 90vh; margin: 0 1rem; }}
form {{ display: grid; gap: 0.75rem; width: min(22rem, 90vw); }}
h1 {{ font-size: 1.25rem; margin: 0; }}
p {{ margin: 0; }}
input, button {{ font: inherit; padding: 0.5rem 0.75rem; border-radius: 0.375rem; border: 1px solid gray; }}
button {{ background: #0b57d0; border-color: #0b57d0; color: white; cursor: pointer; }}
.error {{ color: #b3261e; }}
@media (prefers-color-scheme: dark) {{ .error {{ color: #f2b8b5; }} }}
</style>
</head>
<body>
<form method="post" action="/session">
<h1>Tailrace</h1>
<label for="key">Read key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
{error}<button>Log in</button>
</form>
</body>
</html>
"""


def login_page(error: str = "") -> str:
    """Returns the page, with a sentence about what went wrong."""
    shown = f'<p class="error" role="alert">{escape(error)}</p>\n' if error else ""
    return _PAGE.format(error=shown)
