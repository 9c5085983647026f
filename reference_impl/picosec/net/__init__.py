"""The only code that does input and output."""
