"""The markers and paths every test shares."""

import os

# Daemons of the tests serve no pages but where a test asks for them: a server each would cost a second of processor time.
os.environ.setdefault("SWARMD_DASHBOARD", "off")
