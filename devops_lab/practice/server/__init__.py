"""A server shaped like GitHub over given objects: its application, how to serve it, how it behaves."""

from devops_lab.practice.server.application import app, serve
from devops_lab.practice.server.pipelines import Pipelines
from devops_lab.practice.server.state import Options

__all__ = ["Options", "Pipelines", "app", "serve"]
