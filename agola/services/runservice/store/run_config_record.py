"""What of a run config is kept, and which of it is secret."""

from typing import Final

import msgspec

from agola.core.keyring import Key, Sealer
from agola.core.sealing import EACH, SECRET, Document, RecordSealer, Shape
from agola.model.run_config import RunConfig, RunID

RUN_CONFIG: Final = "runconfig"

_ENVIRONMENT: Final[Shape] = {EACH: SECRET}

SECRETS: Final[Shape] = {
    "static_environment": _ENVIRONMENT,
    "environment": _ENVIRONMENT,
    "source": {"password": SECRET},
    "tasks": {
        EACH: {
            "environment": _ENVIRONMENT,
            "runtime": {"containers": {EACH: {"environment": _ENVIRONMENT}}},
            "steps": {EACH: {"environment": _ENVIRONMENT}},
            "registries": {EACH: {"password": SECRET, "auth": SECRET}},
        }
    },
}
"""Every value of a variable, for nobody knows which of them came from a secret, and every
password.  Commands, images and names stay readable: they are in the repository anyway."""


class RunConfigRecords:
    """Makes records of run configs, and run configs of records."""

    def __init__(self, sealer: Sealer) -> None:
        self.sealer = RecordSealer(sealer, RUN_CONFIG, SECRETS)

    def encode(self, config: RunConfig, key: Key) -> bytes:
        """Make a record with nothing secret in clear."""
        document = msgspec.json.decode(msgspec.json.encode(config), type=Document)
        return msgspec.json.encode(self.sealer.seal(config.id, document, key))

    def decode(self, run_id: RunID, data: bytes) -> RunConfig:
        """Read a record, also one from before there was encryption.

        InternalError: `ENCRYPTION_KEY_UNKNOWN`, `DATA_DAMAGED`.
        """
        document = self.sealer.open(run_id, self.sealer.decode(run_id, data))
        try:
            return msgspec.convert(document, RunConfig)
        except msgspec.ValidationError as error:
            raise self.sealer.damaged(run_id) from error
