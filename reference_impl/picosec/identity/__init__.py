"""Who somebody is, for longer than one key lasts (spec/v1/identity.md)."""
