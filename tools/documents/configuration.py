"""docs/configuration.md: every setting, from the settings themselves."""

from typing import Any, Literal, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from runtime.settings import Settings

_HEAD = """# Configuration

`./just docs` writes this page from `runtime/settings.py`. A setting is an environment variable, or a line of a `.env`
file in the working directory; the environment wins, and an empty value counts as unset. If a value is wrong, the
program names it and does not start. Durations are in seconds, sizes in bytes.

| variable | default | meaning |
| --- | --- | --- |
"""
_TRACES = """
## Traces

Traces are exported if OpenTelemetry's standard variables ask for it. Without them tracing costs nothing.

| variable | meaning |
| --- | --- |
| `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | the collector; either one enables tracing |
| `OTEL_EXPORTER_OTLP_HEADERS` | headers for the collector, such as a token |
| `OTEL_TRACES_EXPORTER` | `otlp`, `console` (standard output) or `none` |
| `OTEL_EXPORTER_OTLP_PROTOCOL` | only `http/protobuf` is supported |
| `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | service name (default `tailrace-command` etc.) and attributes |
| `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | what is sampled, such as `parentbased_traceidratio` and `0.01` |
| `OTEL_SDK_DISABLED` | `true` disables tracing, whatever else is set |

A traced event adds 70 bytes to the log permanently, and gets a span of the batch that projected it. Sample if thousands
of events arrive per second.
"""


def configuration_page() -> str:
    """The page's text."""
    rows = (_row(name, field) for name, field in Settings.model_fields.items())
    return _HEAD + "\n".join(rows) + "\n" + _TRACES


def _row(name: str, field: FieldInfo) -> str:
    known = ", ".join(f"`{one}`" for one in variables_of(name, field))
    kind = _values(field.annotation)
    said = (field.description or "").replace("|", "\\|")
    return f"| {known} | {_default(field.default)} | {said}{f' ({kind})' if kind else ''} |"


def variables_of(name: str, field: FieldInfo) -> list[str]:
    """The variables that set it, the seed's own last."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices]
    return [f"TAILRACE_{name.upper()}"]


def _default(value: Any) -> str:
    return "none" if value is None else f"`{value}`"


def _values(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    return ""
