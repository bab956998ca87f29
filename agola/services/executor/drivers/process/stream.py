"""What a command writes, on its way from a pipe or a terminal to whoever wants it."""

import asyncio
import errno
import fcntl
import os
import pty
import struct
import termios

from agola.services.executor.ports.driver import Output

READ_BYTES = 64 * 1024
BATCH_BYTES = 256 * 1024
PIPE_BYTES = 1024 * 1024
"""More than a pipe or a terminal holds."""
ROWS, COLUMNS = 24, 80


class OutputStream:
    """Reads a pipe or a terminal as things come.  `child` is the end for the command."""

    def __init__(self, output: Output, *, tty: bool) -> None:
        self._read, self.child = _terminal() if tty else os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read, False)
        self._output = output
        self._loop = asyncio.get_running_loop()
        self._open = True
        self.failed: asyncio.Future[None] = self._loop.create_future()
        """Raises what the output raised."""
        self._loop.add_reader(self._read, self._ready)

    def release_child(self) -> None:
        """Let go of the command's end, once the command has it."""
        os.close(self.child)

    def finish(self) -> None:
        """Give out what was written up to now.  What comes later is thrown away.

        Later things come from processes left behind: they should not die of a closed pipe.
        """
        for _ in range(PIPE_BYTES // BATCH_BYTES):
            if not self._open or self._ready() == 0:
                break
        self._output = _discard

    def close(self) -> None:
        """Read no more.  May be repeated."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._read)
            os.close(self._read)

    def _ready(self) -> int:
        data = self._take()
        if data:
            try:
                self._output(data)
            except Exception as error:  # noqa: BLE001 (it is raised where the command is awaited)
                self._output = _discard
                self.failed.set_exception(error)
                self.failed.exception()
        return len(data)

    def _take(self) -> bytes:
        """Read what is there.  A terminal gives little at a time: one batch of it is one write."""
        pieces: list[bytes] = []
        size = 0
        while size < BATCH_BYTES:
            try:
                piece = os.read(self._read, READ_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.EIO:  # how a terminal says that nobody has it open
                    raise
                piece = b""
            if not piece:
                self.close()
                break
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)


def _discard(data: bytes) -> None:
    """Take what nobody wants any more."""


def _terminal() -> tuple[int, int]:
    """Open a terminal that changes no byte on the way out and echoes nothing."""
    controller, terminal = pty.openpty()
    modes = termios.tcgetattr(terminal)
    modes[1] &= ~termios.OPOST
    modes[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return controller, terminal
