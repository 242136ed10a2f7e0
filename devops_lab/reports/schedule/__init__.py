"""Reports on a schedule: what is due, rendered once for each period, and told to its recipients.

::

    due         a cron line's instants, the period each reports on, what history lacks
    history     the table ``schedule_history``: a row per report, written before and after
    lock        one run at a time; a crash lets go
    rendering   what is due → sealed reports
    hands       what a run works with, and what it did
    supplies    the facts that reports are made of, fetched once in a run
    letters     who is told what, each of it once;  alarms   the daily look at the alerts
    running     one run: recover, plan, fetch, render, tell, look at the alerts
    staying     a run that stays awake
    checks      what lab.toml asks for that is not there
    installing  files for systemd, cron, GitHub Actions and Kubernetes
"""
