"""From the configuration to a bucket that is there."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from minio import Minio
from minio.error import S3Error
from minio.helpers import check_bucket_name
from urllib3 import PoolManager

from agola.config.model import S3Objects
from agola.core.clock import SystemClock
from agola.core.errors import AgolaError, BadRequestError
from agola.storage.objects.path import checked_prefix
from agola.storage.objects.s3.client import Bucket
from agola.storage.objects.s3.connections import connections
from agola.storage.objects.s3.failures import code_of
from agola.storage.objects.s3.patience import Patience
from agola.storage.objects.s3.store import S3ObjectStorage
from agola.storage.objects.s3.upload import sweep
from agola.storage.objects.threads import threads

THREADS = 16

_IS_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}

logger = logging.getLogger(__name__)


@asynccontextmanager
async def opening(config: S3Objects, component: str) -> AsyncGenerator[S3ObjectStorage, None]:
    """Open what *component* has in the bucket, which is made if it is missing.

    BadRequestError: `CONFIG_INVALID`.
    """
    http = connections(THREADS, stall_seconds=config.patience_seconds, ca_file=config.ca_file)
    patience = Patience(config.patience_seconds, SystemClock())
    prefix = f"{checked_prefix(config.prefix)}{component}/"
    try:
        with threads(THREADS) as own:
            bucket = Bucket(
                _minio(config, http), config.bucket, prefix, threads=own, patience=patience
            )
            await bucket.call(partial(_make_if_missing, bucket))
            await _sweep(bucket)
            yield S3ObjectStorage(bucket)
    finally:
        http.clear()


def _minio(config: S3Objects, http: PoolManager) -> Minio:
    if not config.access_key or not config.secret_key:
        raise _invalid(
            "S3 needs an access_key and a secret_key, or AGOLA_S3_ACCESS_KEY and"
            " AGOLA_S3_SECRET_KEY in the environment"
        )
    if config.ca_file and not config.ca_file.is_file():
        raise _invalid(f"there is no ca_file {config.ca_file}")
    try:
        check_bucket_name(config.bucket, strict=True)
        minio = Minio(
            config.endpoint,
            config.access_key,
            config.secret_key,
            secure=config.secure,
            region=config.region or None,
            http_client=http,
        )
    except ValueError as error:
        raise _invalid(str(error)) from error
    if config.virtual_style is not None:
        minio._base_url.virtual_style_flag = config.virtual_style  # noqa: SLF001 (untyped else)
    return minio


def _invalid(detail: str) -> BadRequestError:
    return BadRequestError(f"objects: {detail}", reason="CONFIG_INVALID", detail=detail)


def _make_if_missing(bucket: Bucket) -> None:
    if bucket.minio.bucket_exists(bucket.name):
        return
    try:
        bucket.minio.make_bucket(bucket.name)
    except S3Error as error:  # another process made it just now
        if code_of(error) not in _IS_THERE:
            raise


async def _sweep(bucket: Bucket) -> None:
    """Remove what crashed writes left, if we may and if the server knows how."""
    try:
        await bucket.call(partial(sweep, bucket))
    except AgolaError as error:
        logger.warning("unfinished uploads are not looked for: %s", error)
