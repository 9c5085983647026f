"""Roles compose the chapters: device and app."""
