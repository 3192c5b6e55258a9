"""Builds Grafana's dashboards and alerts with its Foundation SDK; ``just dashboards`` writes deploy/grafana.

A tool of the repository; the product does not need it.
"""
