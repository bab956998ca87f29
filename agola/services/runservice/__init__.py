"""Owns runs: their configs, tasks, logs and archives, and the executors that carry them out.

It never decides when a queued run may start, knows no users, and runs nothing itself.
"""
