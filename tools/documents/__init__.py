"""Pages and documents that are made from the code: ``just docs`` writes them, a test compares them.

A tool of the repository: nothing of it is needed where Tailrace runs.
"""
