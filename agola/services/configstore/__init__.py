"""The configstore: who may use this installation, and what they have set up in it.

It owns users, their tokens, and the trees of project groups.  It decides what may exist; who may do
what is decided by the gateway, the only one that calls it.
"""
