"""From the configuration to the keys."""

from agola.config.model import Config
from agola.core.keyring import Keys
from agola.storage.keyring.configured import ConfiguredKeys
from agola.storage.keyring.directory import KeyDirectory

DIRECTORY = "keys"


def opening(config: Config) -> Keys:
    """Read the keys of an installation.  Makes none: see `Keys.make`.

    InternalError: `ENCRYPTION_KEY_MISSING`, `ENCRYPTION_KEY_UNREADABLE`.
    """
    settings = config.encryption
    if settings.keys:
        return ConfiguredKeys(settings)
    return KeyDirectory(config.data_dir / DIRECTORY)
