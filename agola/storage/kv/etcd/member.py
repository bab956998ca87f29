"""One member of an etcd cluster, as we see it."""

from typing import Any

import grpc

from agola.config.model import EtcdKeyValue
from agola.storage.kv.etcd.stubs import rpc_pb2_grpc

_OPTIONS = [
    # A watch on a member that hangs notices after these; etcd takes more frequent pings ill.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),  # decides, and is a minute by default
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", -1),  # a watch that catches up is told a lot at once
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
]


class Member:
    """A channel to one endpoint, its stubs, and the streams that are open on it."""

    def __init__(self, endpoint: str, credentials: grpc.ChannelCredentials | None) -> None:
        self.endpoint = endpoint
        if credentials is None:
            self.channel = grpc.aio.insecure_channel(endpoint, _OPTIONS)
        else:
            self.channel = grpc.aio.secure_channel(endpoint, credentials, _OPTIONS)
        self.kv: Any = rpc_pb2_grpc.KVStub(self.channel)
        self.watch: Any = rpc_pb2_grpc.WatchStub(self.channel)
        self.lease: Any = rpc_pb2_grpc.LeaseStub(self.channel)
        self.auth: Any = rpc_pb2_grpc.AuthStub(self.channel)
        self.streams: set[grpc.aio.StreamStreamCall[Any, Any]] = set()

    def suspect(self) -> None:
        """Give up its streams: a member that answers no call tells no news either."""
        for stream in self.streams:
            stream.cancel()


def credentials(config: EtcdKeyValue) -> grpc.ChannelCredentials | None:
    """Read the certificates; None for no TLS."""
    if config.ca_file is None and config.cert_file is None:
        return None
    authority, key, certificate = (
        path.read_bytes() if path else None
        for path in (config.ca_file, config.key_file, config.cert_file)
    )
    return grpc.ssl_channel_credentials(authority, key, certificate)
