"""For all tests: hypothesis tries the same cases each time; PBXCRM_TEST_RANDOM=1 lets it try new ones."""

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("random", derandomize=False)
settings.load_profile("random" if os.environ.get("PBXCRM_TEST_RANDOM") else "same")
