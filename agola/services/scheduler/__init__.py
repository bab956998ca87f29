"""Decides which queued run of a group starts next.

It owns no state: what it knows it is told by the runservice, and may forget at any time.
"""
