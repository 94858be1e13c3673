"""The markers and paths every test shares."""
