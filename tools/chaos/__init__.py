"""Runs the product under a known load while faults happen, and checks that it keeps its promises."""
