"""The gates: what must hold between pages, tests, faults and vectors before a change is accepted."""

from __future__ import annotations

from collections.abc import Iterator

from picosec_conformance.faults import load_faults, without_fault
from picosec_conformance.resources import data_root, spec_folder
from picosec_conformance.specification.demands import demand_gaps, load_overrides
from picosec_conformance.specification.generate import stale_files
from picosec_conformance.specification.interop import interop_gaps, load_events
from picosec_conformance.specification.matrix import (
    requirements_by_test,
    tests_by_requirement,
    trace,
    vectors_by_requirement,
)
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import SpecError, load_requirements, pages_of
from picosec_conformance.specification.standards import StandardsError, load_standards, standards_gaps
from picosec_conformance.specification.stride import StrideError, count_verifier_steps, load_stride, stride_gaps


def gaps() -> Iterator[str]:
    """Yield one sentence for each gap; none means that the gates are open. Raises ``MatrixError``."""
    requirements = load_requirements()
    yield from _stale()
    for name in tests_by_requirement():
        if requirements[name].withdrawn:
            yield f"{name} is withdrawn, but {tests_by_requirement()[name][0]} still tests it"
    for name, cases in vectors_by_requirement().items():
        if name not in requirements:
            yield f"{name} does not exist, but vector {cases[0]} names it"
    for name, row in trace().items():
        requirement = requirements[name]
        if requirement.testable and not row.tests:
            yield f"{name} ({requirement.title}) has no test"
        if requirement.check == "inspection" and row.tests:
            yield f"{name} is checked by inspection, but {row.tests[0]} tests it; make it check: test"
    yield from _faults()
    used = {feature for requirement in requirements.values() for feature in requirement.condition.names}
    for profile in load_registry().profiles.values():
        for feature in sorted(profile.features - set(load_registry().features)):
            yield f"profile {profile.name} names feature {feature}, which the registry does not list"
        if not any(profile.covers(row) for row in requirements.values()):
            yield f"profile {profile.name} has no requirement"
    for feature in load_registry().features:
        if feature not in used:
            yield f"feature {feature} has no requirement"
    named = {error for row in trace().values() for error in row.errors}
    for entry in load_registry().errors:
        if entry.name not in named:
            yield f"error {entry.name} is named by no requirement"
    yield from _stride()
    yield from _standards()


def _standards() -> Iterator[str]:
    in_force = {row.id for row in load_requirements().values() if not row.withdrawn}
    functions = {test.partition("[")[0] for test in requirements_by_test()}
    try:
        yield from standards_gaps(load_standards(), in_force)
        yield from interop_gaps(load_events(), functions)
        yield from demand_gaps(load_overrides(), in_force)
    except StandardsError as error:
        yield str(error)


def _stride() -> Iterator[str]:
    grammar = (spec_folder() / "picosec.cddl").read_text(encoding="utf-8")
    paths = [path for chapter in load_registry().chapters for path in pages_of(spec_folder(), chapter)]
    pages = {path.stem: path.read_text(encoding="utf-8") for path in paths}
    in_force = {row.id for row in load_requirements().values() if not row.withdrawn}
    try:
        yield from stride_gaps(load_stride(), grammar, in_force, count_verifier_steps(pages["conformance"]))
    except StrideError as error:
        yield f"stride.toml: {error}"
        return
    for table in load_stride().tables.values():
        parts = (pages[path.stem] for path in pages_of(spec_folder(), table.chapter))
        if not any(f"{{stride}} {table.name}\n" in page for page in parts):
            yield f"stride: no page of {table.chapter} shows table {table.name}"


def _faults() -> Iterator[str]:
    """Whether each fault is killed is what ``picosec faults`` finds out; here it counts that there is one."""
    requirements, faults = load_requirements(), load_faults()
    for fault in faults.values():
        if fault.requirement not in requirements or requirements[fault.requirement].withdrawn:
            yield f"fault {fault.name} violates {fault.requirement}, which no page demands"
    for name in without_fault(requirements.values(), faults.values()):
        yield f"{name} ({requirements[name].title}) has no fault: nobody has seen its tests fail"


def _stale() -> Iterator[str]:
    """Generated files can only be stale where their sources are: in a checkout."""
    if not (data_root() / "reference_impl").is_dir():
        return
    try:
        for path in stale_files():
            yield f"{path.relative_to(data_root())} is stale; run `picosec spec generate`"
    except SpecError as error:
        yield str(error)
