"""docs/configuration.md: every setting, from the settings themselves."""

from typing import Any, Literal, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from runtime.settings import Settings

_HEAD = """# Configuration

Written by `./just docs` from `runtime/settings.py`. Every setting is an environment variable, or a line of
a `.env` file in the working directory; the environment wins, and an empty value is none. A wrong value is named in one
sentence, and nothing starts. Durations are in seconds, sizes in bytes.

| variable | default | what it is |
| --- | --- | --- |
"""
_TRACES = """
## Traces

Traces are sent where OpenTelemetry's standard variables ask for it, and cost nothing without them.

| variable | what it is |
| --- | --- |
| `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | where to: one of them switches traces on |
| `OTEL_EXPORTER_OTLP_HEADERS` | what goes along with them, such as a token |
| `OTEL_TRACES_EXPORTER` | `otlp`, `console` (standard output) or `none` |
| `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/protobuf` is what there is |
| `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | what the spans are of; `tailrace-command` and so on by itself |
| `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which requests: `parentbased_traceidratio` and `0.01`, say |
| `OTEL_SDK_DISABLED` | `true`: none, whatever else is set |

A traced event carries 70 bytes more in the log for ever, and gets a span of the projector's batch that counted it. At
thousands of events a second, sample.
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
