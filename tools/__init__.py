"""Development tools: benchmarks, generated documents, Grafana dashboards. Not installed with the product."""
