"""The public API: who calls, what they may do, and which runs an event makes.

Owns no state: users are the configstore's, runs the runservice's, work trees the gitserver's.
"""
