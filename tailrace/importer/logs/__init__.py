"""Parsers of access logs: from a line to a request."""
