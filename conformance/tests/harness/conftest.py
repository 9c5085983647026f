"""The sample suites are run by tests against targets whose misbehaviour is known, never collected by themselves."""

collect_ignore = ["sample_suite", "sample_deaths"]
