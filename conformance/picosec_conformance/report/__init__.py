"""Verdicts made readable: terminal, HTML, JUnit, JSON, badge, captures."""
