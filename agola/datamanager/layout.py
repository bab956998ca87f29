"""Where everything lies: objects below a base path, and keys in the key-value store.

wals/data/<sequence>-<uuid>         the actions of one batch, committed or not
wals/status/<sequence>.committed    says which data a committed batch has
data/<sequence>.status              a snapshot: which files it is made of, and a digest of that
data/<type>/<sequence>-<uuid>.data  objects of one type, sorted by id
data/<type>/<sequence>-<uuid>.index where in it to look for them
"""

import re
from dataclasses import dataclass

from msgspec import Struct, field

from agola.datamanager.port import WalSequence

LOG = "datamanager/log/"
"""The keys that everybody watches."""
HEAD = LOG + "head"
"""The data id of the last batch."""
EPOCHS = LOG + "epochs/"
"""Here is one key, named by the epoch.  Revisions of a store that was lost begin again; this key
does not come back, so whoever writes compares it, too."""
SNAPSHOT = LOG + "snapshot"
WALS = LOG + "wals/"
GROUPS = "datamanager/changegroups/"
DATA_SEQUENCE = "datamanager/datasequence"
INIT_LOCK = "datamanager/init"
CHECKPOINT_LOCK = "datamanager/checkpoint"
PINS = "datamanager/pins/"
"""Keys with a lease, whose values are the data sequences of snapshots that somebody reads."""
REPLACING = "datamanager/replacing"
"""The first number of an epoch that somebody is writing files for, or was when he died."""
DECIDED = "datamanager/decided"
"""The first number of an epoch that is to begin, with a snapshot that takes the place of all."""
RESERVED = "datamanager/reserved"
"""The last epoch that anybody got ready for: nobody else ever has the same, or an earlier one."""
SURVIVING = ("locks/", "maintenance/")
"""Keys of others that outlive an epoch: they are about processes, not about what these know."""


class WalHeader(Struct, frozen=True, kw_only=True):
    """One committed batch: its key's value, its marker, and the first line of its data."""

    sequence: WalSequence
    previous: WalSequence | None
    """The batch before.  None for the first of an epoch, which is empty."""
    data_id: str
    previous_data_id: str | None = None
    """The data of the batch before.  None as well for what was written long ago."""
    format: int = 1


class DataFile(Struct, frozen=True, kw_only=True):
    """One data file of a snapshot.  Never changed once it is there."""

    id: str
    last_id: str
    """The id of the last object in it."""
    size: int | None = None
    sha256: str = ""
    index_sha256: str = ""
    """Hexadecimal.  Older files have no size and no digests."""


class DataStatus(Struct, frozen=True, kw_only=True):
    """A snapshot: all objects as of a batch."""

    data_sequence: WalSequence
    wal_sequence: WalSequence
    """The last batch that is in it."""
    files: dict[str, tuple[DataFile, ...]] = field(default_factory=dict)
    """By data type, in the order of the objects."""
    format: int = 1
    """1: the object is this alone.  2: a second line holds the SHA-256 of the first."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of objects below *base*, which may be empty."""

    base: str

    def _under(self, path: str) -> str:
        return f"{self.base}/{path}" if self.base else path

    @property
    def wal_data(self) -> str:
        return self._under("wals/data/")

    @property
    def wal_status(self) -> str:
        return self._under("wals/status/")

    @property
    def data(self) -> str:
        return self._under("data/")

    def marker(self, sequence: WalSequence) -> str:
        return f"{self.wal_status}{sequence}.committed"

    def status(self, data_sequence: WalSequence) -> str:
        return f"{self.data}{data_sequence}.status"

    def proposal(self, data_sequence: WalSequence) -> str:
        return f"{self.data}{data_sequence}.proposal"

    def data_file(self, data_type: str, file_id: str) -> str:
        return f"{self.data}{data_type}/{file_id}.data"

    def index(self, data_type: str, file_id: str) -> str:
        return f"{self.data}{data_type}/{file_id}.index"


_DATA_TYPE = re.compile(r"[a-z]+", re.ASCII)


def is_data_type(name: str) -> bool:
    """Say whether a data type may have this name: there is a folder for each."""
    return _DATA_TYPE.fullmatch(name) is not None


def epoch_key(sequence: WalSequence) -> str:
    """Say the key that exists as long as the epoch of *sequence* lasts."""
    return EPOCHS + sequence.split("-")[0]


def sequence_in(path: str) -> WalSequence:
    """Say the sequence that the name of any of these objects starts with."""
    name = path.rsplit("/", 1)[-1].partition(".")[0]
    return WalSequence("-".join(name.split("-")[:2]))
