"""What all tests here have in common."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes depends on what else the machine does: no property of what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A token of SoftHSM 2: its library, label, PIN, and the file that holds the PIN."""
    from picosec_conformance.softhsm import SoftHsmMissing, configure, library, make_token

    folder = os.environ.get("PICOSEC_SOFTHSM")
    if not folder:
        pytest.skip("PICOSEC_SOFTHSM does not say where SoftHSM is (python -m picosec_conformance.softhsm FOLDER)")
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    home, pin = tmp_path_factory.mktemp("softhsm"), "1234"
    try:
        module, configuration = library(Path(folder)), configure(home / "tokens")
        make_token(Path(folder), configuration, "lamp", pin)
    except SoftHsmMissing as missing:
        pytest.skip(str(missing))
    pin_file = home / "pin"
    pin_file.touch(mode=0o600)
    pin_file.write_text(f"{pin}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        yield SimpleNamespace(module=module, label="lamp", pin=pin, pin_file=pin_file, numbers=itertools.count())


@pytest.fixture
def new_uri(softhsm: SimpleNamespace) -> Callable[[], str]:
    """Return a function that names a vault in the token which nobody has used."""

    def name() -> str:
        return (
            f"pkcs11:token={softhsm.label};object=vault{next(softhsm.numbers)}"
            f"?module-path={softhsm.module}&pin-source=file:{softhsm.pin_file}"
        )

    return name
