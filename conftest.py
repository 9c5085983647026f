"""What all tests here have in common."""

from hypothesis import HealthCheck, settings

# How long an example takes depends on what else the machine does: no property of what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
