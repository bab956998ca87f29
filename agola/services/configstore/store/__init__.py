"""The store over the datamanager, and the read database that answers its questions."""
