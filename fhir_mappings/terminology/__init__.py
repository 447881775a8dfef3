"""The code systems that the mappings read: embedded tables, name matching, the builder of a full drug table.

The tables hold facts only; ``sources.toml`` says where each comes from, under which licence, and when it was
reviewed.
"""
