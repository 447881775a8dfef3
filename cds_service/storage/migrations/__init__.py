"""The way of the database from nothing to ``cds_service.storage.schema``, one step a file."""
