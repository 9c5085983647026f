"""Measures the reference against its peers, side by side in one run (the budgets of the project)."""
