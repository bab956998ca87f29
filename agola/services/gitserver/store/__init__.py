"""Repositories on the disk, and the git that serves them."""
