"""The benchmarks. The docstring of each module is its text in docs/benchmarks.md; ``run`` returns the rows."""
