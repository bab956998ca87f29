"""The local git repository: a snapshot of its work tree, pushed without touching anything."""
