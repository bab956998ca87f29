"""The repositories of direct runs: pushed by their users over git smart HTTP, read at a commit.

It owns the bare repositories on its disk and nothing else: who somebody is says the configstore,
what a push leads to is decided elsewhere.
"""
