"""What can be done with runs, executors, logs and archives: the rules."""
