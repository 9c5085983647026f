"""Fixtures that several themes of the suite share."""
