"""``tailrace serve``."""

import logging

from runtime.logs import configure_logging
from runtime.supervise import Outage, run_through_outages
from tailrace.cli.options import DataDir, Service, run_to_end
from tailrace.endpoints import settings_for


def serve(service: Service, data_dir: DataDir = None) -> None:
    """Run one service. TAILRACE_* variables configure it."""
    settings = settings_for(data_dir)
    configure_logging(settings.log_level, settings.log_format, service)
    # a service loads only its own code
    if service is Service.command:
        from command.service import serve as run
    elif service is Service.projection:
        from tailrace.worker import serve_projections as run
    elif service is Service.projections:
        from projection.declared.service import serve as run
    else:
        from query.service import serve as run
    outage = Outage(logging.getLogger(f"tailrace.{service}"), f"the {service} service waits")
    run_to_end(run_through_outages(lambda: run(settings), outage))
