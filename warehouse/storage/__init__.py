"""Files and databases: connect; write aside and switch in one rename; hold locks.

Nothing else calls `duckdb.connect`, makes temporary files, renames or locks. A kill at any moment leaves the old state
or the new one: content is written aside and synced before the one rename that makes it count.
"""

from warehouse.storage.databases import attach_read_only, confine, connect, look_into, use_extensions
from warehouse.storage.files import (
    copy_file,
    link_or_copy,
    machine_temporary_path,
    move_to_free,
    publish_folder,
    remove_folder,
    replace_by_link,
    replacing,
    storage_errors,
    switch_link,
    sync_file,
    sync_folder,
    write_file,
    write_json,
)
from warehouse.storage.locks import has_reader, held_open, holder_text, lock, may_live, reading, replacing_all

__all__ = [
    "attach_read_only",
    "confine",
    "connect",
    "copy_file",
    "has_reader",
    "held_open",
    "holder_text",
    "link_or_copy",
    "lock",
    "look_into",
    "machine_temporary_path",
    "may_live",
    "move_to_free",
    "publish_folder",
    "reading",
    "remove_folder",
    "replace_by_link",
    "replacing",
    "replacing_all",
    "storage_errors",
    "switch_link",
    "sync_file",
    "sync_folder",
    "use_extensions",
    "write_file",
    "write_json",
]
