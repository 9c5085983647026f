"""The conformance suite: drives any implementation, judges it requirement by requirement, and reports."""
