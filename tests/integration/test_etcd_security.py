"""The etcd driver with TLS and with users."""

import asyncio
import subprocess
from collections.abc import Generator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from agola.config.model import Config, EtcdKeyValue
from agola.core.errors import InternalError, UnavailableError
from agola.storage.kv import opening
from agola.storage.kv.etcd.stubs import rpc, rpc_pb2_grpc
from agola.storage.kv.port import Changes, KeyValue, Put
from tests.testbed.etcd_process import EtcdServer, etcd_cluster

PASSWORD = "of-these-tests"


@pytest.fixture
def certificate(tmp_path: Path) -> EtcdKeyValue:
    """A certificate that is everybody's: authority, server and client."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=agola", "-addext"),
            *("subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return EtcdKeyValue(ca_file=certificate, cert_file=certificate, key_file=key)


@pytest.fixture
def tls_server(certificate: EtcdKeyValue, tmp_path: Path) -> Generator[EtcdServer, None, None]:
    assert certificate.cert_file is not None
    assert certificate.key_file is not None
    pem, key = certificate.cert_file, certificate.key_file
    arguments = (
        *("--client-cert-auth", "--trusted-ca-file", str(pem)),
        *("--cert-file", str(pem), "--key-file", str(key)),
    )
    trust = grpc.ssl_channel_credentials(pem.read_bytes(), key.read_bytes(), pem.read_bytes())
    with etcd_cluster(tmp_path, 1, arguments, trust) as (server,):
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Generator[EtcdServer, None, None]:
    with etcd_cluster(tmp_path, 1) as (server,):
        yield server


async def next_change(store: KeyValue, key: str) -> Changes:
    """Put a key and see it in a watch."""
    start = (await store.range("")).revision
    async with (
        asyncio.timeout(20),
        aclosing(store.watch(key, after=start)) as stream,
        store.lease(timedelta(seconds=5)) as lease,
    ):
        await store.txn([], [Put(key, b"", lease.id)])
        return await anext(stream)


async def test_etcd_is_used_with_certificates_on_both_sides(
    tls_server: EtcdServer, certificate: EtcdKeyValue
) -> None:
    driver = EtcdKeyValue(
        endpoints=(tls_server.endpoint,),
        ca_file=certificate.ca_file,
        cert_file=certificate.cert_file,
        key_file=certificate.key_file,
    )
    async with opening(Config(key_value=driver), "tests") as store:
        assert (await next_change(store, "a")).changes[0].key == "a"


async def test_etcd_refuses_a_client_without_a_certificate(
    tls_server: EtcdServer, certificate: EtcdKeyValue
) -> None:
    driver = EtcdKeyValue(endpoints=(tls_server.endpoint,), ca_file=certificate.ca_file)
    async with opening(Config(key_value=driver), "tests") as store:
        with pytest.raises(UnavailableError):
            await store.txn([], [Put("a", b"")])


async def enable_users(server: EtcdServer) -> None:
    """Make the user `root`, without whom etcd knows no users at all."""
    async with grpc.aio.insecure_channel(server.endpoint) as channel:
        auth: Any = rpc_pb2_grpc.AuthStub(channel)
        await auth.UserAdd(rpc.AuthUserAddRequest(name="root", password=PASSWORD))
        await auth.RoleAdd(rpc.AuthRoleAddRequest(name="root"))
        await auth.UserGrantRole(rpc.AuthUserGrantRoleRequest(user="root", role="root"))
        await auth.AuthEnable(rpc.AuthEnableRequest())


def config_of(server: EtcdServer, username: str, password: str) -> Config:
    endpoints = (server.endpoint,)
    return Config(key_value=EtcdKeyValue(endpoints=endpoints, username=username, password=password))


async def test_a_user_goes_on_with_a_new_token_when_the_old_one_is_gone(
    server: EtcdServer,
) -> None:
    await enable_users(server)
    async with opening(config_of(server, "root", PASSWORD), "tests") as store:
        before = await next_change(store, "a")
        async with aclosing(store.watch("", after=before.revision)) as stream:
            assert (await anext(stream)).changes[0].entry is None  # its lease was revoked
            await asyncio.to_thread(server.kill)  # and with it the tokens, which are in memory
            server.start()
            written = await store.range("")
            assert (await next_change(store, "b")).revision > written.revision
            async with asyncio.timeout(20):
                assert (await anext(stream)).changes[0].key == "b"


@pytest.mark.parametrize(("username", "password"), [("root", "wrong"), ("", "")])
async def test_a_stranger_is_told_what_etcd_says(
    server: EtcdServer, username: str, password: str
) -> None:
    await enable_users(server)
    async with opening(config_of(server, username, password), "tests") as store:
        with pytest.raises(InternalError) as caught:
            await store.get("a")
        assert caught.value.reason == "KV_FAILED"
        with pytest.raises(InternalError):
            await next_change(store, "a")
