"""Backfill: a year of telemetry into Prometheus' blocks, by promtool, some parts of the year at a time.

promtool reads a whole file once for each block it makes, so each file holds exactly one block's time: 60.75 days,
counted from 1970 as Prometheus does.  Blocks of that length are left as they are by Prometheus' compaction.
The text of a part is about 150 MB and goes as soon as its block is made.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from devops_lab.errors import SourceError
from devops_lab.practice.monitoring.openmetrics import seconds, write
from devops_lab.practice.monitoring.processes import Program
from devops_lab.practice.world.watching import Watch

BLOCK_HOURS = 1458
TEXT = "history.txt"
MOST_AT_ONCE = 4


def backfill(watch: Watch, promtool: str, data: Path, folder: Path) -> int:
    """Write the blocks of all series and alerts into the folder `data`, by way of `folder`; return the samples.

    Errors: SourceError, with what promtool said last, when it fails.  Nothing but the blocks is left.
    """
    data.mkdir(parents=True, exist_ok=True)
    told, block = list(watch.series()), BLOCK_HOURS * 3600
    begin, end = seconds(watch.start), seconds(watch.end)
    running: list[Program] = []
    count = 0
    try:
        for number in range(begin // block, end // block + 1):
            part = folder / f"backfill-{number}"
            part.mkdir(parents=True)
            with (part / TEXT).open("wb") as out:
                written = write(out, watch, told, number * block, (number + 1) * block)
            count += written
            if written:
                if len(running) >= min(os.cpu_count() or 1, MOST_AT_ONCE):
                    _finish(running[0])
                    running.pop(0)
                running.append(Program("promtool", part, _command(promtool, part / TEXT, data)))
        while running:
            _finish(running[0])
            running.pop(0)
    finally:
        for program in running:
            program.stop()
        for left in folder.glob("backfill-*"):
            shutil.rmtree(left)
    return count


def _command(promtool: str, text: Path, data: Path) -> list[str]:
    longest = f"--max-block-duration={BLOCK_HOURS}h"
    return [promtool, "tsdb", "create-blocks-from", longest, "--quiet", "openmetrics", str(text), str(data)]


def _finish(program: Program) -> None:
    status = program.wait()
    if status:
        raise SourceError(
            f"promtool could not make the history's blocks (exit status {status}): {program.complained()}"
        )
    shutil.rmtree(program.folder)
