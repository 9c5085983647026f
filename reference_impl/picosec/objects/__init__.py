"""Messages that outlive a channel: signed and encrypted, for receivers that may be asleep (spec/v1/objects.md)."""
