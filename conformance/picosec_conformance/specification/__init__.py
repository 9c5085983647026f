"""The specification as data: its requirements, registry and profiles, read from the pages."""
