"""``tailrace serve``."""

from runtime.logs import configure_logging
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
    run_to_end(run(settings))
