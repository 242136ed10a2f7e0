"""The verb ``exporter``: the metrics as a Prometheus endpoint."""

from __future__ import annotations

import click

from devops_lab.cli.options import CONFIG, opened, say

PORT = 9886


@click.command()
@click.option("--port", default=PORT, show_default=True, help="Where it listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0: every machine may ask.")
@click.option("--once", is_flag=True, help="Print what a scrape would get, and stop.")
@click.option("--write", "folder", type=click.Path(), help="Write rules, alerts, a scrape job and a dashboard there.")
@click.option("--last", "windows", multiple=True, help="A window, again and again (default: lab.toml's).")
@click.option("--metric", "names", multiple=True, help="A metric, again and again (default: all).")
@CONFIG
def exporter(
    port: int,
    host: str,
    once: bool,
    folder: str | None,
    windows: tuple[str, ...],
    names: tuple[str, ...],
    config: str,
) -> None:
    """Serve the metrics to Prometheus: values, intervals, n and coverage per service, team and over everything."""
    from devops_lab import metrics
    from devops_lab.periods import before
    from devops_lab.reports import exporter as exporting

    if folder is not None:
        for path in exporting.write(folder, host, port):
            click.echo(str(path))
        return
    store, settings = opened(config)
    own = settings.folder / "metrics"
    chosen = [metrics.find(name, own) for name in names] or metrics.catalogue(own)
    asked = windows or (settings.lab.last,)
    for window in asked:
        before(metrics.answers.known_until(store), window)
    collector = exporting.Collector(store.path, asked, settings.lab.timezone, chosen)
    if once:
        said = exporting.text(collector)
        click.echo(said, nl=False)
        if not said:
            say(f"{store.path} holds no complete sync yet: `devops-lab sync` fills it")
        return
    say(f"computing {len(chosen)} metrics …")
    with exporting.serve(collector, host, port, say) as (bound, thread):
        say(f"http://{host}:{bound}/metrics; stop with Ctrl+C")
        try:
            thread.join()
        except KeyboardInterrupt:
            say("stopped")
