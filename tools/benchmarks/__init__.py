"""Benchmarks of Tailrace as users run it, each on servers of its own: ``just bench``."""
