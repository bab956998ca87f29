"""Keys that a test gives."""

from collections.abc import Sequence

from agola.core.keyring import Key


class FixedKeys:
    """Keys in memory: the first is current, until another one is made or put there."""

    def __init__(self, *keys: Key, managed: bool = True) -> None:
        self.managed = managed
        self.keys = {key.id: key for key in keys}
        self.first = keys[0].id if keys else ""

    def put(self, key: Key) -> None:
        """Make a key the current one, as another process does."""
        self.keys[key.id] = key
        self.first = key.id

    def current(self) -> Key:
        return self.keys[self.first]

    def find(self, key_id: str) -> Key | None:
        return self.keys.get(key_id)

    def ids(self) -> Sequence[str]:
        return tuple(self.keys)

    def where(self) -> str:
        return "in the tests"

    async def make(self, *, instead_of: str) -> Key:
        if instead_of == self.first:
            number = len(self.keys) + 1
            self.put(Key(f"made{number}", bytes([number]) * 32))
        return self.current()

    async def remove(self, key_id: str) -> None:
        self.keys.pop(key_id, None)
