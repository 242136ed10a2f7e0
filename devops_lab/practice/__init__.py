"""The practice organisation: made-up facts to look round, teach and test with; its true numbers are known.

::

    world/     a seeded company: teams, services, a year of work as GitHub's objects, and the truth from its own causes
    server     a GitHub-shaped REST server over a world (server_*.py: its parts)
    running    that server in the background: up, status, down
    sample     a made-up git history, for `devops-lab init` in an empty folder
"""
