"""agola.common.v1.Keyring and RotationProgress to the model, and back: the same on every hop."""

from agola.model.encryption_key import EncryptionKey, Keyring, RotationProgress
from generated.agola.common.v1 import encryption_key_pb2 as pb


def keyring_to_pb(keyring: Keyring) -> pb.Keyring:
    return pb.Keyring(
        keys=[
            pb.EncryptionKey(
                id=key.id, current=key.current, missing=key.missing, records=key.records
            )
            for key in keyring.keys
        ],
        managed=keyring.managed,
        clear_records=keyring.clear_records,
    )


def keyring_from_pb(message: pb.Keyring) -> Keyring:
    return Keyring(
        keys=tuple(
            EncryptionKey(id=key.id, current=key.current, missing=key.missing, records=key.records)
            for key in message.keys
        ),
        managed=message.managed,
        clear_records=message.clear_records,
    )


def progress_to_pb(progress: RotationProgress) -> pb.RotationProgress:
    return pb.RotationProgress(
        records=progress.records, encrypted=progress.encrypted, complete=progress.complete
    )


def progress_from_pb(message: pb.RotationProgress) -> RotationProgress:
    return RotationProgress(
        records=message.records, encrypted=message.encrypted, complete=message.complete
    )
