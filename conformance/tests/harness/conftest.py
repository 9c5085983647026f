"""The sample suite is run by test_verdicts.py against miniatures, never collected by itself."""

collect_ignore = ["sample_suite"]
