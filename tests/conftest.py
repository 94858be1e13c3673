"""The markers and paths every test shares."""

import os

# Daemons of the tests serve no pages but where a test asks for them: a server each costs a second of processor time.
os.environ.setdefault("SWARMD_DASHBOARD", "off")
# Nor are half a dozen commands run for every handoff page: twenty seconds of processor time for each campaign.
os.environ.setdefault("SWARMD_NO_VERIFY", "1")
