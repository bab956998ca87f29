"""What goes on by itself: runs advance, ended ones are archived, lost executors are noticed."""
