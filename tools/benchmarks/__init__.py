"""``just bench``: measures this program as users run it, on servers of its own, and writes docs/benchmarks.md."""
