"""Tasks as processes of this machine: a directory and a process tree each, and no images."""

from agola.services.executor.drivers.process.driver import ProcessDriver

__all__ = ["ProcessDriver"]
