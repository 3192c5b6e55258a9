"""Grafana's dashboards and alerts, built with Grafana's Foundation SDK; ``just dashboards`` writes deploy/grafana.

A tool of the repository: nothing of it is needed where Tailrace runs.
"""
