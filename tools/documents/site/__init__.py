"""The documentation as a site of plain files, to be opened from a folder or put on any web server.

The pages are README.md and docs/*.md; what they link to in the repository comes along. The documents of docs/api are
shown by viewers from npm, whose lock is docs/site/package-lock.json. Nothing is loaded from anywhere else.
"""
