"""Settings into sources."""

from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from pbxcrm.history import columns
from pbxcrm.history.clock import Clock
from pbxcrm.history.files import CsvFiles
from pbxcrm.history.sources import Kind, Source
from pbxcrm.history.tables import SqlTable
from pbxcrm.store.foreign import is_url


def zone(name: str) -> ZoneInfo:
    """The zone of that name; "": this machine's, which most often is the PBX's own."""
    if name:
        return ZoneInfo(name)
    with suppress(OSError, ValueError), Path("/etc/localtime").open("rb") as file:
        return ZoneInfo.from_file(file, key="localtime")
    return ZoneInfo("UTC")


def source(kind: Kind, where: str, zone_name: str, mapping: str = "") -> Source:
    """A source over a file, a glob or a database URL. Raises SourceError for a URL that names no database."""
    clock = Clock(zone(zone_name))
    if is_url(where):
        return SqlTable(kind, where, clock)
    return CsvFiles(kind, where, clock, columns.mapping(kind, mapping) if mapping else ())
