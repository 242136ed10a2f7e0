"""Bench: 90 days at a 1-minute step of 40 series from a real Prometheus, beside MetricRangeDataFrame in the same run.

``python tests/prometheus_bench.py [days] [series]``: complete, equal to promtool's own answer, and how fast; then the
same from the server into a store, and a second sync that finds nothing new.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
from prometheus_api_client import MetricRangeDataFrame
from test_prometheus import PROMTOOL, START, T0, backfilled

from devops_lab import config
from devops_lab.config import Prometheus as ServerSettings
from devops_lab.sources import prometheus_answers
from devops_lab.sources.prometheus_server import PrometheusServer
from devops_lab.sources.prometheus_windows import Slice, longest, sliced
from devops_lab.store import Store
from devops_lab.sync import Outcome, people_of, prometheus_of
from devops_lab.sync.pulling import pull

STEP = 60
MILLION = 1_000_000


def samples(days: int, series: int) -> str:
    """A gauge of `series` series, one sample a minute, values with all digits."""
    lines = ["# TYPE load gauge"]
    generator = np.random.default_rng(1)
    for number in range(series):
        values = generator.gamma(2, 30, days * 1440 + 1)
        lines += [f'load{{host="{number}"}} {value!r} {T0 + 60 * i}' for i, value in enumerate(values.tolist())]
    return "\n".join([*lines, "# EOF", ""])


def bench(days: int = 90, series: int = 40) -> dict:
    """Return the figures; AssertionError when a point is missing, twice or another than promtool's."""
    with tempfile.TemporaryDirectory() as name, backfilled(Path(name), samples(days, series)) as url:
        server = PrometheusServer(ServerSettings(url=url, step=STEP, timeout=600))
        slices = list(sliced([Slice(T0, T0 + days * 86_400)], longest(STEP, False)))
        begun = time.perf_counter()
        answers = [server.steps("load", one.first + STEP, one.last, STEP) for one in slices]
        whole = time.perf_counter() - begun
        points = sum(answer.points for answer in answers)
        assert points == days * 1440 * series, points
        bodies = [_body(server, one) for one in slices]
        client = _seconds(lambda: [prometheus_answers.read(body, 10_000) for body in bodies])
        frames = _seconds(lambda: [MetricRangeDataFrame(json.loads(body)["data"]["result"]) for body in bodies[-1:]])
        share = answers[-1].points
        _equal(url, answers[-1], slices[-1])
        first, again, most = _stored(url, Path(name), days, points + series)
        return {
            "points": points,
            "seconds with the server": round(whole, 2),
            "points a second with the server": round(points / whole),
            "points a second on the client": round(points / client),
            "points a second of MetricRangeDataFrame": round(share / frames),
            "seconds from the server into the store": round(first, 2),
            "rows a second into the store": round(points / first),
            "seconds of a second sync": round(again, 2),
            "most memory, MB": most,
        }


def _body(server: PrometheusServer, one: Slice) -> bytes:
    asked = {"query": "load", "start": str(one.first + STEP), "end": str(one.last), "step": str(STEP)}
    return server._got(f"{server._connect.url}/api/v1/query_range", asked)[1]


def _stored(url: str, folder: Path, days: int, rows: int) -> tuple[float, float, int]:
    """Return the seconds of a sync into an empty store and of another one, and the process' highest memory in MB."""
    (folder / "clone").mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", folder / "clone"], check=True)
    one = {"name": "shop", "clone": "clone", "saturation": {"load": "load"}}
    document = {"prometheus": {"url": url, "step": "1m", "timeout": 600}, "service": [one]}
    settings = config.settings({**document, "privacy": {"people": "none"}}, folder / "lab.toml")
    (service,) = settings.service
    store, until = Store(folder / "lab", latest=True), START + timedelta(days=days)

    def pulled() -> Outcome:
        source = prometheus_of(store, settings, service)
        return pull(store, source, "shop", people_of(settings), None, until, None)

    first = _seconds(lambda: _check(pulled().rows.inserted, rows))
    again = _seconds(lambda: _check(pulled().rows.inserted, 0))
    assert store.rows("select count(*) as n from resource_usage") == [{"n": rows}]
    return first, again, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _check(found: int, wanted: int) -> None:
    assert found == wanted, (found, wanted)


def _seconds(work) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _equal(url: str, answer: prometheus_answers.Answer, one: Slice) -> None:
    """Compare with promtool's own answer, point by point."""
    command = [PROMTOOL, "query", "range", f"--start={one.first + STEP}", f"--end={one.last}", f"--step={STEP}s"]
    told = subprocess.run([*command, "-o", "json", url, "load"], check=True, capture_output=True).stdout
    theirs = {row["metric"]["host"]: row["values"] for row in json.loads(told)}
    assert len(theirs) == len(answer.series)
    for series in answer.series:
        pairs = theirs[series.labels["host"]]
        np.testing.assert_array_equal(series.times, [moment for moment, _ in pairs])
        np.testing.assert_array_equal(series.values, [float(value) for _, value in pairs])


if __name__ == "__main__":
    for key, figure in bench(*(int(word) for word in sys.argv[1:])).items():
        print(f"{key:42}{figure:>14,}")
