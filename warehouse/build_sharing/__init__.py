"""Builds that a team shares: push one to an object store, move its pointer, pull what another machine published."""

from warehouse.build_sharing.opening import open_warehouse
from warehouse.build_sharing.pointer import Pointer, read_pointer
from warehouse.build_sharing.pull import BuildPull, pull_build
from warehouse.build_sharing.push import BuildPush, push_build, share_published
from warehouse.build_sharing.stored import (
    BuildCleaning,
    StoredBuild,
    clean_builds,
    list_stored_builds,
    remove_stored_build,
)

__all__ = [
    "BuildCleaning",
    "BuildPull",
    "BuildPush",
    "Pointer",
    "StoredBuild",
    "clean_builds",
    "list_stored_builds",
    "open_warehouse",
    "pull_build",
    "push_build",
    "read_pointer",
    "remove_stored_build",
    "share_published",
]
