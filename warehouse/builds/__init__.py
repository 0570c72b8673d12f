"""Builds: make one, publish it, go back to an earlier one, list what is kept."""

from warehouse.builds.dev import DevBuild, build_dev
from warehouse.builds.listing import BuildEntry, list_builds
from warehouse.builds.publication import publish, publish_by_hand, roll_back
from warehouse.builds.result import Build, Listener
from warehouse.builds.running import build_warehouse
from warehouse.builds.validating import validate_build

__all__ = [
    "Build",
    "BuildEntry",
    "DevBuild",
    "Listener",
    "build_dev",
    "build_warehouse",
    "list_builds",
    "publish",
    "publish_by_hand",
    "roll_back",
    "validate_build",
]
