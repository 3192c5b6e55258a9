"""Access logs in the formats of other servers, detection of a format, and requests that are left out."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from dirty_equals import IsPartialDict

from contracts.errors import ConfigurationError
from tailrace.importer.batches import batches
from tailrace.importer.exclusions import Exclusions
from tailrace.importer.files import open_lines
from tailrace.importer.formats import Format, detect
from tailrace.importer.report import BadLine

COMBINED = '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 10 "-" "Agent/1.0"'
SAMPLES = Path(__file__).parent / "data" / "logs"


def imported(
    path: Path, text: str, format: Format = "auto", *exclude: str
) -> tuple[list[dict[str, Any]], list[BadLine]]:
    path.write_text(text)
    exclusions = Exclusions(*exclude)
    with open_lines(path) as source:
        found = list(batches(source, format, 500, exclusions))
    events = [msgspec.json.decode(event) for batch in found for event in batch.events]
    return events, [bad for batch in found for bad in batch.bad]


@pytest.mark.parametrize(
    ("sample", "format"),
    [
        ("caddy", "json"),
        ("traefik", "json"),
        ("nginx", "json"),
        ("nginx-parts", "json"),
        ("iis", "w3c"),
        ("cloudfront", "w3c"),
        ("alb", "elb"),
        ("classic-elb", "elb"),
    ],
)
def test_the_same_request_in_each_format_is_the_same_event(tmp_path: Path, sample: str, format: Format) -> None:
    text = (SAMPLES / f"{sample}.log").read_text()
    assert detect(text.encode().splitlines()) == format
    formats: list[Format] = [format, "auto"]
    for chosen in formats:
        [event, *_], bad = imported(tmp_path / "log", text, chosen)
        assert bad == []
        assert event["created_at"].startswith(("2022-03-09T21:30:01", "2022-03-09T22:30:01+01:00"))
        assert event == IsPartialDict(event_type="http_request", user_id="192.0.2.7")
        assert event["event_data"] == {
            "method": "GET",
            "path": "/a?b=1",
            "protocol": "HTTP/2.0",
            "status": 200,
            "bytes": 10900,
            "referrer": None if format == "elb" else "https://example.org/",
            "agent": "Agent/1.0",
            "asset": False,
            "browser": None,
            "bot": None,
            "referrer_domain": None if format == "elb" else "example.org",
            "host": "example.com",
        }


def test_spaces_and_missing_values_of_iis_are_decoded(tmp_path: Path) -> None:
    _, event = imported(tmp_path / "log", (SAMPLES / "iis.log").read_text())[0]
    assert event["event_data"] == IsPartialDict(path="/a", agent="Agent (X; Y)", referrer=None, status=304, bytes=0)


@pytest.mark.parametrize(
    ("start", "address", "host"),
    [
        ("example.com:443 192.0.2.1 - -", "192.0.2.1", "example.com"),
        ("[2001:db8::1]:80 2001:db8::7 - -", "2001:db8::7", "[2001:db8::1]"),
        ("192.0.2.1, 10.0.0.1, 10.0.0.2 - -", "192.0.2.1", None),
        ("192.0.2.1:51234 - -", "192.0.2.1", None),
        ("::ffff:192.0.2.1 - -", "192.0.2.1", None),
        ("2001:DB8::7 - frank", "2001:db8::7", None),
    ],
)
def test_virtual_hosts_forwarded_addresses_and_ipv6_are_read(
    tmp_path: Path, start: str, address: str, host: str | None
) -> None:
    [event], _ = imported(tmp_path / "log", COMBINED.replace("192.0.2.1 - -", start))
    assert event["user_id"] == address
    assert event["event_data"].get("host") == host


def test_a_log_without_a_known_format_names_what_is_missing(tmp_path: Path) -> None:
    assert imported(tmp_path / "log", "something else")[1][0].code == "not_combined"
    assert imported(tmp_path / "log", '{"a": 1}')[1][0].code == "unknown_field"
    assert imported(tmp_path / "log", "2022-03-09 21:30:01 GET /", "w3c")[1] == [
        BadLine(1, "not_w3c", "there is no #Fields line before")
    ]
    assert imported(tmp_path / "log", "something else", "elb")[1][0].code == "not_elb"
    assert imported(tmp_path / "log", '{"a": 1}', "json")[1][0].code == "not_a_request"


def test_a_format_is_found_behind_bad_lines(tmp_path: Path) -> None:
    events, bad = imported(tmp_path / "log", f"cut off\n{COMBINED}\n")
    assert (len(events), [line.number for line in bad]) == (1, [1])


def test_excluded_requests_are_left_out_and_change_no_other_id(tmp_path: Path) -> None:
    lines = [
        COMBINED,
        COMBINED.replace("Agent/1.0", "Mozilla/5.0 (compatible; Googlebot/2.1)"),
        COMBINED.replace("/a", "/health/ready"),
        COMBINED.replace("192.0.2.1", "::ffff:10.1.2.3"),
        COMBINED.replace("/a", "/b"),
    ]
    every, _ = imported(tmp_path / "log", "\n".join(lines))
    patterns = ("agent=*bot*", "path=/health*", "address=10.0.0.0/8")
    kept, bad = imported(tmp_path / "log", "\n".join(lines), "auto", *patterns)
    assert bad == []
    assert kept == [every[0], every[4]]


@pytest.mark.parametrize("pattern", ["bot", "agent", "agent=", "status=404", "address=10.0.0.300"])
def test_a_pattern_that_excludes_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--exclude .*expected"):
        Exclusions(pattern)


GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def test_browsers_bots_assets_and_the_referrers_domain_are_fields(tmp_path: Path) -> None:
    lines = [
        COMBINED.replace("Agent/1.0", GOOGLEBOT),
        COMBINED.replace("Agent/1.0", FIREFOX).replace('"-"', '"https://www.example.org:8443/a?b"'),
        COMBINED.replace("/a", "/style.CSS?v=1"),
        COMBINED.replace("/a", "/v1.2/users").replace('"-"', '"http://[broken"'),
    ]
    events, bad = imported(tmp_path / "log", "\n".join(lines))
    names = ("bot", "browser", "asset", "referrer_domain")
    assert bad == []
    assert [tuple(event["event_data"][name] for name in names) for event in events] == [
        ("Googlebot", None, False, None),
        (None, "Firefox", False, "example.org"),
        (None, None, True, None),
        (None, None, False, None),
    ]
