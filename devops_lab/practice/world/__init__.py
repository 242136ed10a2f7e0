"""The world: a seeded simulation of a small company whose GitHub objects and whose truth are both known.

`make` returns the `Organisation`; nothing here imports the lab's sources, delivery or metrics, so the truth never goes
through the code that it judges.
"""

from devops_lab.practice.world.organisation import Organisation, Repository, make
from devops_lab.practice.world.truth import Answer, Truth

__all__ = ["Answer", "Organisation", "Repository", "Truth", "make"]
