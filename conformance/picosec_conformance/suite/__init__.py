"""What is certified: one module per theme, test_<chapter>_<theme>.py."""
