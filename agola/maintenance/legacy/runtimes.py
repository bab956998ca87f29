"""What the original's tasks run in, and how they log in to registries."""

from enum import Enum

from msgspec import Struct

from agola.model.run_config import Arch, Container, RegistryAuth, Runtime, Tmpfs


class _Tmpfs(Struct, frozen=True):
    size: int = 0


class _Volume(Struct, frozen=True):
    path: str
    tmpfs: _Tmpfs = _Tmpfs()


class _Container(Struct, frozen=True):
    image: str = ""
    environment: dict[str, str] = {}
    user: str = ""
    privileged: bool = False
    entrypoint: str = ""
    volumes: tuple[_Volume, ...] = ()


class _Arch(Enum):
    ANY = ""
    I386 = "386"
    AMD64 = "amd64"
    ARM = "arm"
    ARM64 = "arm64"


class LegacyRuntime(Struct, frozen=True):
    """A pod: there is no other type."""

    arch: _Arch = _Arch.ANY
    containers: tuple[_Container, ...] = ()


class _AuthType(Enum):
    BASIC = "basic"
    ENCODED = "encodedauth"


class LegacyAuth(Struct, frozen=True):
    """How to log in to one registry."""

    type: _AuthType
    username: str = ""
    password: str = ""
    auth: str = ""


def runtime(source: LegacyRuntime) -> Runtime:
    return Runtime(
        arch=None if source.arch is _Arch.ANY else Arch(source.arch.value),
        containers=tuple(_container(one) for one in source.containers),
    )


def registry_auth(source: LegacyAuth) -> RegistryAuth:
    if source.type is _AuthType.BASIC:
        return RegistryAuth(username=source.username, password=source.password)
    return RegistryAuth(auth=source.auth)


def _container(source: _Container) -> Container:
    return Container(
        image=source.image,
        environment=source.environment,
        user=source.user,
        privileged=source.privileged,
        entrypoint=source.entrypoint,
        volumes=tuple(Tmpfs(path=one.path, size=one.tmpfs.size) for one in source.volumes),
    )
