"""``python -m devops_lab.cli`` is ``devops-lab``."""

from devops_lab.cli import main

main()
