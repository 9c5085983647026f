"""The site's own Sphinx extension: requirements, evidence and pictures, each in a module of its own."""
