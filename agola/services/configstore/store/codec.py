"""What the configstore keeps, as imports check it."""

from agola.maintenance.codec import PlainCodec, noun_check
from agola.maintenance.key_register import ENCRYPTION_KEY, RegisteredKey
from agola.model.project_group import ProjectGroup
from agola.model.user import User, UserToken


def configstore_codec() -> PlainCodec:
    """Give the codec of the configstore's records."""
    return PlainCodec(
        {
            "user": noun_check(User),
            "usertoken": noun_check(UserToken),
            "projectgroup": noun_check(ProjectGroup),
            ENCRYPTION_KEY: noun_check(RegisteredKey),
        }
    )
