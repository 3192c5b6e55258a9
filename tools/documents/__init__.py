"""Pages and documents that are generated from the code and the benchmarks: ``just docs`` writes them, a test compares.

A tool of the repository; the product does not need it.
"""
