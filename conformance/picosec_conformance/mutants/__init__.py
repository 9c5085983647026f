"""Mutation testing of the reference, with the conformance suite as the killer.

cosmic-ray makes the mutants: small changes of one place each. The suite judges each of them as it judges any target, as
a program behind an adapter, while its own peer stays whole. What survives shows a hole in the suite, or is listed in
``survivors.toml`` with the reason why no peer could tell it from the original.
"""
