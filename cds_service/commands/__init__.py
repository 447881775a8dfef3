"""The larger commands of ``magnesium-cds``, one module each; ``cds_service.cli`` puts them together."""
