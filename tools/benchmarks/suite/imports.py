"""`tailrace import` of an access log in combined format, and the projector's drain of what it appended."""

from datetime import UTC, datetime, timedelta
from random import Random

from tools.benchmarks.bench import DAYS, Bench
from tools.benchmarks.process import Row
from tools.benchmarks.report import ratio

LINE = '10.0.{1}.{2} - - [{0:%d/%b/%Y:%H:%M:%S +0000}] "GET /products/{3} HTTP/1.1" 200 {4} "-" "Mozilla/5.0"\n'


async def run(bench: Bench) -> list[Row]:
    """Measure the import, then the drain."""
    lines, random, end = bench.size(1_000_000, 10_000), Random(1), datetime.now(UTC)
    with (file := bench.folder / "access.log").open("w") as output:
        for number in range(lines):
            at = end - timedelta(days=bench.options.days or DAYS) * (1 - number / lines)
            output.write(LINE.format(at, *(random.randrange(250) for _ in range(4))))
    target = await bench.target(await bench.log())
    bench.say(f"importing {lines:,} lines")
    service = await bench.tailrace(target, "serve", "command")
    process = await bench.tailrace(target, "import", "--format", "combined", str(file))
    rows: list[Row] = [{"": "import"} | await bench.timed(process, lines)]
    await service.stop()
    rows.append({"": "drain"} | await bench.drain(target, lines))
    await bench.verify(target)
    return ratio(rows, "drain")
