"""The executor: runs tasks through a driver, and keeps their logs and archives until stored.

It owns its tasks' processes and files.  It never decides what runs, and stores nothing for good.
"""
