"""Configure Sphinx, which builds the documentation site in build/docs (`./just docs`).

The source folder is the root of the repository. A link then works on a code host and on the site alike, and a broken
link to any file of the repository fails the build.
"""

project = "Tailrace"
root_doc = "docs/index"
extensions = ["myst_parser"]
include_patterns = ["*.md", "docs/**"]
exclude_patterns = [".*", "build", "dist", "page", "tests"]
# The index of the decisions links to each record; a hundred of them would hide the rest of the navigation.
suppress_warnings = ["toc.not_included"]
templates_path = ["templates"]

# Headings get the anchors that code hosts give them.
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Tailrace"
html_copy_source = False
html_show_sourcelink = False
html_additional_pages = {"index": "redirect.html"}
# A summary needs `fetch`, which a page from the file system may not use.
html_show_search_summary = False
