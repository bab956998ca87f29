"""agola.storage.objects.s3 when S3 fails, stalls, breaks off or is not there."""

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from agola.config.model import Config, S3Objects
from agola.core.errors import (
    BadRequestError,
    InternalError,
    NotExistError,
    UnavailableError,
)
from agola.storage.objects import opening
from agola.storage.objects.port import ObjectStorage
from tests.testbed.faulty_s3 import Fault, FaultyS3, faulty_s3

pytest_plugins = ["tests.testbed.s3"]

LARGE = bytes(range(256)) * 4096 * 3
"""Three pieces of a read."""

REPEATABLE = [Fault.SLOW_DOWN, Fault.BAD_GATEWAY, Fault.RESET, Fault.LOSE_ANSWER, Fault.STALL]


def opened(objects: S3Objects) -> Any:
    return opening(Config(objects=objects), "tests")


@pytest.fixture
async def proxy(s3_objects: S3Objects) -> AsyncGenerator[FaultyS3, None]:
    async with faulty_s3(s3_objects) as proxy:
        yield proxy


@pytest.fixture
async def storage(proxy: FaultyS3, s3_objects: S3Objects) -> AsyncGenerator[ObjectStorage, None]:
    async with opened(proxy.objects(s3_objects)) as storage:
        yield storage


async def read(storage: ObjectStorage, path: str) -> bytes:
    async with aclosing(storage.read(path)) as pieces:
        return b"".join([piece async for piece in pieces])


async def listed(storage: ObjectStorage) -> list[str]:
    async with aclosing(storage.list()) as found:
        return [info.path async for info in found]


async def parts(count: int) -> AsyncGenerator[bytes, None]:
    for number in range(count):
        yield bytes([number]) * (4 << 20)


async def open_uploads(objects: S3Objects) -> int:
    """Say how many uploads in parts S3 knows below the prefix of a test."""
    async with opened(objects) as storage:
        bucket = storage._bucket
        page = bucket.minio._list_multipart_uploads(bucket.name, prefix=bucket.prefix)
        return len(page.uploads)


@pytest.mark.parametrize("fault", REPEATABLE)
async def test_what_fails_once_is_tried_again(
    proxy: FaultyS3, storage: ObjectStorage, fault: Fault
) -> None:
    proxy.fail(fault, times=1)
    await storage.write("a", b"text")
    proxy.fail(fault, times=1)
    assert (await storage.stat("a")).size == 4
    proxy.fail(fault, times=1)
    assert await read(storage, "a") == b"text"
    proxy.fail(fault, times=1)
    assert await listed(storage) == ["a"]
    proxy.fail(fault, times=1)
    await storage.delete("a")
    assert await listed(storage) == []


@pytest.mark.parametrize("fault", REPEATABLE)
async def test_an_outage_is_unavailable_and_ends_by_itself(
    proxy: FaultyS3, storage: ObjectStorage, fault: Fault
) -> None:
    await storage.write("a", b"old")
    proxy.fault = fault
    outcomes = await asyncio.gather(
        *(storage.write("a", b"new"), storage.stat("a"), read(storage, "a")),
        *(listed(storage), storage.delete("a")),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [UnavailableError] * 5
    reasons = {each.reason for each in outcomes if isinstance(each, UnavailableError)}
    assert reasons == {"OBJECT_STORAGE_UNAVAILABLE"}
    proxy.fault = None
    await storage.write("a", b"newest")
    assert await read(storage, "a") == b"newest"


async def test_a_server_that_is_not_there_is_unavailable_until_it_is_back(
    proxy: FaultyS3, storage: ObjectStorage
) -> None:
    await storage.write("a", b"text")
    await proxy.refuse()
    with pytest.raises(UnavailableError, match="Connection refused") as caught:
        await storage.write("b", b"text")
    assert "host=" not in caught.value.message
    await proxy.accept()
    assert await listed(storage) == ["a"]


async def test_who_comes_late_in_an_outage_is_told_after_one_try(
    proxy: FaultyS3, storage: ObjectStorage
) -> None:
    proxy.fault = Fault.SLOW_DOWN
    with pytest.raises(UnavailableError):
        await storage.stat("a")
    assert len([each for each in proxy.requests if each.startswith("HEAD") and "/a" in each]) > 1
    proxy.requests.clear()
    with pytest.raises(UnavailableError):
        await storage.stat("a")
    assert len(proxy.requests) == 1


async def test_a_body_that_is_cut_is_read_to_its_end(
    proxy: FaultyS3, storage: ObjectStorage
) -> None:
    await storage.write("a", LARGE)
    proxy.fail(Fault.CUT_BODY, times=2)
    assert await read(storage, "a") == LARGE
    assert len([each for each in proxy.requests if each.startswith("GET")]) >= 3


async def test_a_body_that_is_always_cut_never_looks_whole(
    proxy: FaultyS3, storage: ObjectStorage
) -> None:
    await storage.write("a", b"0123456789")
    proxy.fault = Fault.CUT_BODY
    with pytest.raises(UnavailableError):
        await read(storage, "a")
    with pytest.raises(UnavailableError):
        await listed(storage)


async def test_a_read_never_goes_on_in_another_version(
    proxy: FaultyS3, storage: ObjectStorage
) -> None:
    for change in (storage.write("a", LARGE[::-1]), storage.delete("a"), storage.write("a", b"")):
        await storage.write("a", LARGE)
        proxy.fail(Fault.CUT_BODY, times=1)
        async with aclosing(storage.read("a")) as pieces:
            assert await anext(pieces) == LARGE[: 1 << 20]
            await change
            with pytest.raises(UnavailableError, match="was replaced or deleted"):
                assert [piece async for piece in pieces] == []


@pytest.mark.parametrize(
    ("request_number", "fault"),
    [
        *product(range(4), [Fault.SLOW_DOWN, Fault.LOSE_ANSWER]),
        *product(range(3), [Fault.STALL]),  # the last one may take longer
    ],
)
async def test_an_upload_in_parts_survives_a_fault_of_any_of_its_requests(
    proxy: FaultyS3, storage: ObjectStorage, request_number: int, fault: Fault
) -> None:
    proxy.fail(fault, times=1, after=request_number)
    assert await storage.write("a", parts(3)) == 12 << 20
    assert await read(storage, "a") == b"".join([piece async for piece in parts(3)])


async def test_s3_may_take_longer_to_put_the_parts_together(
    proxy: FaultyS3, storage: ObjectStorage
) -> None:
    proxy.fail(Fault.DAWDLE, times=1, after=3)
    assert await storage.write("a", parts(3)) == 12 << 20
    assert len([each for each in proxy.requests if each.startswith("POST")]) == 2


async def test_an_upload_that_an_outage_ends_leaves_nothing(
    proxy: FaultyS3, storage: ObjectStorage, s3_objects: S3Objects
) -> None:
    async def until_the_outage() -> AsyncGenerator[bytes, None]:
        async for piece in parts(4):
            yield piece
        proxy.fail(Fault.SLOW_DOWN, times=3, after=1)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await storage.write("a", until_the_outage())
    assert await listed(storage) == []
    assert await open_uploads(s3_objects) == 0


@pytest.mark.parametrize("begun", [0, 1, 2])
async def test_an_upload_that_is_cancelled_leaves_nothing(
    proxy: FaultyS3, storage: ObjectStorage, s3_objects: S3Objects, begun: int
) -> None:
    proxy.fail(Fault.STALL, times=1, after=begun)
    writing = asyncio.create_task(storage.write("a", parts(8)))
    await proxy.met()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await listed(storage) == []
    assert await open_uploads(s3_objects) == 0


async def test_what_crashed_uploads_left_is_removed_after_a_day(
    s3_objects: S3Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(s3_objects) as storage:
        bucket = storage._bucket
        bucket.minio._create_multipart_upload(bucket.name, bucket.key("a"), {})
    assert await open_uploads(s3_objects) == 1
    monkeypatch.setattr("agola.storage.objects.s3.upload.ABANDONED_AFTER", -timedelta(days=1))
    assert await open_uploads(s3_objects) == 0


@pytest.mark.parametrize("keys", [{"secret_key": "wrong"}, {"access_key": "nobody"}])
async def test_wrong_keys_are_said(s3_objects: S3Objects, keys: dict[str, str]) -> None:
    with pytest.raises(InternalError) as caught:
        async with opened(structs.replace(s3_objects, **keys)):
            pass
    assert caught.value.reason == "OBJECT_STORAGE_FAILED"
    assert "S3 says" in caught.value.message
    assert "of-these-tests" not in caught.value.message


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"access_key": ""}, "AGOLA_S3_ACCESS_KEY"),
        ({"endpoint": "http://s3"}, "endpoint"),
        ({"bucket": "Not A Bucket"}, "bucket"),
        ({"ca_file": Path("/absent.pem")}, "/absent.pem"),
    ],
)
async def test_a_configuration_that_cannot_work_is_said(changes: dict[str, Any], word: str) -> None:
    right = S3Objects(endpoint="s3:9000", access_key="id", secret_key="secret")
    with pytest.raises(BadRequestError, match=word) as caught:
        async with opened(structs.replace(right, **changes)):
            pass
    assert caught.value.reason == "CONFIG_INVALID"


async def test_a_bucket_that_is_missing_is_made_by_whoever_is_first(
    s3_objects: S3Objects,
) -> None:
    fresh = structs.replace(s3_objects, bucket="agola-made-by-a-test")

    async def use(name: str) -> None:
        async with opening(Config(objects=fresh), name) as storage:
            await storage.write("a", name.encode())
            assert await read(storage, "a") == name.encode()

    await asyncio.gather(*(use(f"component{number}") for number in range(4)))


async def test_the_bucket_may_be_a_part_of_the_name_of_the_host(
    s3_objects: S3Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve, asked = socket.getaddrinfo, []

    def resolved(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        return resolve("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    port = s3_objects.endpoint.partition(":")[2]
    objects = structs.replace(s3_objects, endpoint=f"s3.test:{port}", virtual_style=True)
    async with opened(objects) as storage:
        await storage.write("a", b"text")
    async with opened(s3_objects) as storage:
        assert await read(storage, "a") == b"text"
    assert "agola.s3.test" in asked


def make_certificate(certificate: Path, key: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=agola", "-addext"),
            *("subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )


@asynccontextmanager
async def tls_proxy(s3_objects: S3Objects, folder: Path) -> AsyncGenerator[S3Objects, None]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    make_certificate(certificate, key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with faulty_s3(s3_objects, tls=context) as proxy:
        yield structs.replace(proxy.objects(s3_objects), ca_file=certificate)


async def test_s3_is_used_over_tls_with_a_certificate_of_ones_own(
    s3_objects: S3Objects, tmp_path: Path
) -> None:
    async with tls_proxy(s3_objects, tmp_path) as objects, opened(objects) as storage:
        await storage.write("a", parts(3))
        assert (await storage.stat("a")).size == 12 << 20


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    s3_objects: S3Objects, tmp_path: Path
) -> None:
    async with tls_proxy(s3_objects, tmp_path) as objects:
        with pytest.raises(InternalError, match="CERTIFICATE_VERIFY_FAILED"):
            async with opened(structs.replace(objects, ca_file=None)):
                pass


async def test_no_thread_is_left(s3_objects: S3Objects) -> None:
    before = threading.active_count()
    async with opened(s3_objects) as storage:
        await asyncio.gather(*(storage.write(f"{number}", b"") for number in range(20)))
        assert threading.active_count() > before
    assert threading.active_count() == before


async def test_an_absent_object_is_not_asked_for_twice(
    proxy: FaultyS3, storage: ObjectStorage
) -> None:
    proxy.requests.clear()
    with pytest.raises(NotExistError):
        await storage.stat("absent")
    assert len(proxy.requests) == 1
