"""The truth of release: versions that were published, and the changes in them.

A service's releases are what brings its versions out: published GitHub releases where the repository has any, else the
tags of the service.  Release candidates are told apart and not counted.  Services that deploy every landing have none.
"""

from __future__ import annotations

from devops_lab.practice.world.company import RELEASES, TAGS
from devops_lab.practice.world.records import Rollout
from devops_lab.practice.world.truth_window import DAY, HOUR, Answer, Metrics, Window, amount, middle, share


def release_frequency(window: Window) -> Answer:
    """Count releases published in the window; `others` has the release candidates."""
    candidates = sum(one.prerelease and window.has(one.published_at) for one in window.site.releases)
    found = amount(len(_released(window)))
    return found._replace(others={"prereleases": float(candidates)})


def release_lead_time(window: Window) -> Answer:
    """Hours from landing to the first release with it, of changes first released in the window, bots' too.

    What the very first release contains is left out: nobody knows what there was before.
    """
    if not _releases(window):
        return middle(())
    return middle((rollout.finished_at - change.landed_at) / HOUR for change, rollout in window.carried())


def release_size(window: Window) -> Answer:
    """Changes of the service that a release contains first; 0 where there are none, the very first left out."""
    return middle(float(len(one.carried)) for one in _released(window) if not one.first)


def time_since_release(window: Window) -> Answer:
    """Days since the last release before the window's end."""
    if not _releases(window):
        return middle(())
    past = [
        one.finished_at
        for one in window.site.rollouts
        if one.service == window.service and one.finished_at < window.end
    ]
    return middle([(window.end - max(past)) / DAY] if past else [])


def patch_release_share(window: Window) -> Answer:
    """Share of releases that moved only the patch number: the version does not end in ".0"; the very first left out."""
    return share(not one.links[0].endswith(".0") for one in _released(window) if not one.first)


def _releases(window: Window) -> bool:
    return window.site.plan.ships in (TAGS, RELEASES)


def _released(window: Window) -> list[Rollout]:
    return list(window.rollouts()) if _releases(window) else []


METRICS: Metrics = {
    function.__name__: function
    for function in (release_frequency, release_lead_time, release_size, time_since_release, patch_release_share)
}
