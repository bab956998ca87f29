"""`agola admin`: looking after an installation."""
