"""What vectors ask of an EDHOC implementation: each message by itself, whole handshakes, credentials, keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from picosec.channel import key_schedule
from picosec.channel.authentication import check_length
from picosec.channel.credentials import (
    Kind,
    OwnCredential,
    Usage,
    initiator_usage,
    own_credential,
    responder_usage,
)
from picosec.channel.ead import EadItem, encode_ead
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.edhoc_messages import Plaintext2, Plaintext3
from picosec.channel.initiator import Initiator, next_suite
from picosec.channel.responder import Responder
from picosec.channel.session import Session
from picosec.channel.trust import TrustStore, parse_credential
from picosec.crypto.curves import Curve
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import SoftwareVault, software_vault
from picosec_conformance.edhoc_run import Prover, Run
from picosec_conformance.identity import make_identity
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.operations import Result, WrongAnswer, operation

Inputs = dict[str, Any]

CURVE_NAMES = {Curve.P256: "P-256", Curve.X25519: "X25519", Curve.ED25519: "Ed25519"}


# -- reading inputs ----------------------------------------------------------------------------------------------


def ead_items(inputs: Inputs, name: str) -> tuple[EadItem, ...]:
    """Return the items that ``inputs[name]`` lists as ``[label, critical, value]``, no value being ``null``."""
    rows = inputs.get(name, [])
    return tuple(
        EadItem(label, None if value is None else bytes.fromhex(value), critical) for label, critical, value in rows
    )


def ead_rows(items: Iterable[EadItem]) -> list[list[Any]]:
    """Return items in the form that :func:`ead_items` reads."""
    return [[item.label, item.critical, item.value] for item in items]


def own_of(row: Inputs, vault: SoftwareVault) -> OwnCredential:
    """Return the own credential that a row describes, its private key in ``vault``."""
    kind = Kind(row["kind"])
    credential = parse_credential(kind, octets(row, "credential"))
    handle = vault.import_key(credential.key.curve, octets(row, "private_key"))
    kid = octets(row, "kid") if "kid" in row else None
    chain = tuple(bytes.fromhex(each) for each in row.get("chain", ()))
    return own_credential(kind, credential, handle, vault, kid, chain)


def trust_of(rows: Iterable[Inputs]) -> TrustStore:
    """Return a store of the credentials that rows describe."""
    store = TrustStore()
    for row in rows:
        store.add(Kind(row["kind"]), octets(row, "credential"), octets(row, "kid") if "kid" in row else None)
    return store


def _config(inputs: Inputs, own: Inputs, suites: tuple[int, ...], message_4: bool = False) -> EdhocConfig:
    vault = software_vault(bytes)
    policy = Policy(
        methods=(inputs["method"],),
        suites=suites,
        message_4=message_4,
        by_value=Kind(own["kind"]).by_value,
        ead_labels=frozenset(inputs.get("ead_labels", ())),
    )
    credentials = [own_of(own, vault), *_for_other_suites(vault, suites[:-1])]
    return EdhocConfig(vault, credentials, trust_of(inputs["trusted"]), policy)


def _for_other_suites(vault: SoftwareVault, suites: Iterable[int]) -> Iterator[OwnCredential]:
    """Yield stand-ins for what vectors leave open: a credential of every use in every suite that is only mentioned."""
    for suite in suites:
        for usage in Usage:
            entropy = _counting(bytes((0xA0, suite, usage)))
            yield make_identity(Kind.KID, usage, suite, entropy, kid=b"stand-in").unlock(vault)


def _counting(label: bytes) -> Any:
    counter = 0

    def entropy(size: int) -> bytes:
        nonlocal counter
        counter += 1
        return key_schedule.kdf(label.ljust(32), 0, bytes((counter,)), size)

    return entropy


def _ephemeral(inputs: Inputs) -> Any:
    private = octets(inputs, "ephemeral")
    return lambda _: private


def _time(inputs: Inputs) -> float | None:
    return inputs.get("time")


# -- one message ---------------------------------------------------------------------------------------------------


@operation("edhoc.message_1.process")
def _message_1_process(inputs: Inputs) -> Result:
    """Accept message_1 as far as message_2 can be composed, with an own credential for every method and suite."""
    vault = software_vault(bytes)
    suites = tuple(inputs["suites"])
    policy = Policy(methods=tuple(inputs["methods"]), suites=suites)
    responder = Responder(
        EdhocConfig(vault, list(_for_other_suites(vault, suites)), TrustStore(), policy), _counting(b"")
    )
    message = responder.process_message_1(octets(inputs, "message_1"))
    responder.prepare_message_2(b"\x00" if message.c_i != b"\x00" else b"\x01")
    return Result(
        {
            "method": message.method,
            "suite": message.selected,
            "c_i": message.c_i,
            "ead_1": ead_rows(message.ead),
        },
        {"suites_i": list(message.suites), "g_x": message.g_x},
    )


def _initiator(inputs: Inputs, message_4: bool = False) -> Initiator:
    suites = tuple(inputs["suites_i"])
    config = _config(inputs, inputs["own"], suites, message_4)
    initiator = Initiator(config, inputs["method"], octets(inputs, "c_i"), _ephemeral(inputs), suites[-1])
    initiator.prepare_message_1(ead_items(inputs, "ead_1"))
    return initiator


@operation("edhoc.message_2.process")
def _message_2_process(inputs: Inputs) -> Result:
    initiator = _initiator(inputs)
    peer = initiator.process_message_2(octets(inputs, "message_2"), _time(inputs))
    return Result({"c_r": initiator.c_r, "peer": peer.cred})


@operation("edhoc.message_3.process")
def _message_3_process(inputs: Inputs) -> Result:
    responder = _responder(inputs)
    peer = responder.process_message_3(octets(inputs, "message_3"), _time(inputs))
    return Result({"peer": peer.cred, "prk_out": responder.complete().prk_out})


def _responder(inputs: Inputs) -> Responder:
    config = _config(inputs, inputs["own"], (inputs["suite"],))
    responder = Responder(config, _ephemeral(inputs))
    responder.process_message_1(octets(inputs, "message_1"))
    responder.prepare_message_2(octets(inputs, "c_r"), ead_items(inputs, "ead_2"))
    return responder


@operation("edhoc.message_4.process")
def _message_4_process(inputs: Inputs) -> Result:
    initiator = _initiator(inputs, message_4=True)
    initiator.process_message_2(octets(inputs, "message_2"))
    initiator.prepare_message_3(ead_items(inputs, "ead_3"))
    return Result({"prk_out": initiator.process_message_4(octets(inputs, "message_4")).prk_out})


@operation("edhoc.plaintext_2.decode")
def _plaintext_2_decode(inputs: Inputs) -> Result:
    plaintext = Plaintext2.decode(octets(inputs, "plaintext_2"))
    usage = responder_usage(inputs["method"])
    check_length(plaintext.signature_or_mac, usage, SUITES[inputs["suite"]], "CHN-510")
    return Result(
        {
            "c_r": plaintext.c_r,
            "id_cred_r": plaintext.id_cred,
            "signature_or_mac_2": plaintext.signature_or_mac,
            "ead_2": ead_rows(plaintext.ead),
        }
    )


@operation("edhoc.plaintext_3.decode")
def _plaintext_3_decode(inputs: Inputs) -> Result:
    plaintext = Plaintext3.decode(octets(inputs, "plaintext_3"))
    usage = initiator_usage(inputs["method"])
    check_length(plaintext.signature_or_mac, usage, SUITES[inputs["suite"]], "CHN-500")
    return Result(
        {
            "id_cred_i": plaintext.id_cred,
            "signature_or_mac_3": plaintext.signature_or_mac,
            "ead_3": ead_rows(plaintext.ead),
        }
    )


@operation("edhoc.error.decode")
def _error_decode(inputs: Inputs) -> Result:
    message = ErrorMessage.decode(octets(inputs, "message"))
    info = list(message.info) if isinstance(message.info, tuple) else message.info
    return Result({"code": message.code, "info": info})


@operation("edhoc.suite.select")
def _suite_select(inputs: Inputs) -> Result:
    vault = software_vault(bytes)
    suites = tuple(inputs["own"])
    policy = Policy(methods=(3,), suites=suites)
    config = EdhocConfig(vault, list(_for_other_suites(vault, suites)), TrustStore(), policy)
    initiator = Initiator(config, 3, b"", bytes, inputs["tried"][-1])
    return Result({"suite": next_suite(initiator, inputs["suites_r"], inputs["tried"])})


# -- credentials -----------------------------------------------------------------------------------------------------


@operation("edhoc.credential.parse")
def _credential_parse(inputs: Inputs) -> Result:
    credential = parse_credential(Kind(inputs["kind"]), octets(inputs, "credential"))
    return Result(
        {
            "curve": CURVE_NAMES[credential.key.curve],
            "public_key": credential.key.x,
            "kid": credential.kid if "kid" in inputs or credential.kid else None,
        }
    )


@operation("edhoc.credential.find")
def _credential_find(inputs: Inputs) -> Result:
    found = trust_of(inputs["trusted"]).candidates(octets(inputs, "id_cred"), _time(inputs))
    return Result({"credentials": [credential.cred for credential in found]})


# -- whole handshakes ------------------------------------------------------------------------------------------------


def _prover(row: Inputs, vault: SoftwareVault) -> Prover:
    own = own_of(row, vault)
    return Prover(own.id_cred, own.cred, own.credential.key, octets(row, "private_key"))


@operation("edhoc.handshake")
def _handshake(inputs: Inputs) -> Result:
    """Run both sides of the reference, and beside them the plain transcription of the RFC, which must agree."""
    vault = software_vault(bytes)
    first, second = inputs["initiator"], inputs["responder"]
    message_4 = inputs.get("message_4", False)
    suites, suite = tuple(inputs["suites_i"]), inputs["suites_i"][-1]
    ead = {number: ead_items(inputs, f"ead_{number}") for number in (1, 2, 3, 4)}
    c_i, c_r = octets(first, "c"), octets(second, "c")

    config_i = _config({**inputs, "trusted": second["trusted_as"]}, first["own"], suites, message_4)
    config_r = _config({**inputs, "trusted": first["trusted_as"]}, second["own"], (suite,), message_4)
    initiator = Initiator(config_i, inputs["method"], c_i, _ephemeral(first), suite)
    responder = Responder(config_r, _ephemeral(second))

    messages = {"message_1": initiator.prepare_message_1(ead[1])}
    responder.process_message_1(messages["message_1"])
    messages["message_2"] = responder.prepare_message_2(c_r, ead[2])
    initiator.process_message_2(messages["message_2"], _time(inputs))
    messages["message_3"] = initiator.prepare_message_3(ead[3])
    responder.process_message_3(messages["message_3"], _time(inputs))
    if message_4:
        messages["message_4"] = responder.prepare_message_4(ead[4])
        sessions = initiator.process_message_4(messages["message_4"]), responder.session
    else:
        sessions = initiator.complete(), responder.complete()

    prover_i, prover_r = _prover(first["own"], vault), _prover(second["own"], vault)
    run_i = Run(
        inputs["method"], suites, octets(first, "ephemeral"), c_i, b"", prover_i, replace(prover_r, private_key=None)
    )
    run_r = Run(
        inputs["method"], suites, octets(second, "ephemeral"), b"", c_r, replace(prover_i, private_key=None), prover_r
    )
    encoded = {number: encode_ead(items) for number, items in ead.items()}
    expected = {"message_1": run_i.compose_message_1(encoded[1])}
    run_r.read_message_1(expected["message_1"])
    expected["message_2"] = run_r.compose_message_2(encoded[2])
    run_i.read_message_2(expected["message_2"])
    expected["message_3"] = run_i.compose_message_3(encoded[3])
    run_r.read_message_3(expected["message_3"])
    if message_4:
        expected["message_4"] = run_r.compose_message_4(encoded[4])
        run_i.read_message_4(expected["message_4"])

    steps = {**run_r.steps, **run_i.steps}
    keys = {name: steps.pop(name) for name in ("prk_out", "prk_exporter", "oscore_master_secret", "oscore_master_salt")}
    if messages != expected or any(_keys(session) != keys for session in sessions):
        raise WrongAnswer("the reference and the transcription of RFC 9528 differ")
    steps = {"id_cred_i": prover_i.id_cred, "id_cred_r": prover_r.id_cred, **steps}
    return Result({**messages, **keys}, steps)


def _keys(session: Session | None) -> dict[str, bytes]:
    assert session is not None
    given = session.oscore()
    return {
        "prk_out": session.prk_out,
        "prk_exporter": key_schedule.prk_exporter(session.prk_out),
        "oscore_master_secret": given.master_secret,
        "oscore_master_salt": given.master_salt,
    }


# -- keys ------------------------------------------------------------------------------------------------------------


@operation("edhoc.exporter")
def _exporter(inputs: Inputs) -> Result:
    prk_exporter, context = octets(inputs, "prk_exporter"), octets(inputs, "context")
    return Result({"key": key_schedule.kdf(prk_exporter, inputs["label"], context, inputs["length"])})


@operation("edhoc.key_update")
def _key_update(inputs: Inputs) -> Result:
    prk_out = key_schedule.updated(octets(inputs, "prk_out"), octets(inputs, "context"))
    return Result({"prk_out": prk_out, "prk_exporter": key_schedule.prk_exporter(prk_out)})
