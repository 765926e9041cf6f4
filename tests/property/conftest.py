"""The same examples on every run, so that CI is steady. To look for new ones:
`MOLT_PROPERTY_EXAMPLES=20000 pytest tests/property`."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = os.environ.get("MOLT_PROPERTY_EXAMPLES")

settings.register_profile(
    "molt",
    derandomize=EXAMPLES is None,
    max_examples=int(EXAMPLES or 250),
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("molt")
