"""RFC 9529: both traces with every intermediate value, and all of its invalid messages."""

import json
from pathlib import Path

import pytest

from picosec.channel import key_schedule
from picosec.channel.authentication import check_length
from picosec.channel.credentials import Kind, initiator_usage, own_credential, parse_ccs, responder_usage
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.edhoc_messages import Message1, Plaintext2, Plaintext3, bstr, encode_identifier
from picosec.channel.initiator import Initiator
from picosec.channel.responder import Responder
from picosec.channel.trust import TrustStore, parse_credential
from picosec.crypto.curves import Curve, decode_public
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec_conformance.resources import data_root

FOLDER: Path = data_root() / "vectors" / "v1" / "channel"


def published(name: str) -> list[dict]:
    return json.loads((FOLDER / f"rfc9529_{name}.json").read_text())["cases"]


def by_id(case: dict) -> str:
    return case["id"]


def octets(row: dict, *names: str) -> list[bytes]:
    return [bytes.fromhex(row[name]) for name in names]


traces = pytest.mark.parametrize("case", published("handshake"), ids=by_id)


def config(case: dict, side: str, other: str) -> EdhocConfig:
    """Return one side of a trace. Its first suite, which the trace never uses, needs a key of its own."""
    inputs, vault, trusted = case["inputs"], software_vault(bytes), TrustStore()
    row = inputs[side]["own"]
    kind = Kind(row["kind"])
    credential = parse_credential(kind, bytes.fromhex(row["credential"]))
    handle = vault.import_key(credential.key.curve, bytes.fromhex(row["private_key"]))
    own = [own_credential(kind, credential, handle, vault)]
    if len(inputs["suites_i"]) > 1:
        other_handle = vault.import_key(Curve.X25519, bytes(range(32)))
        ccs = dumps({8: {1: {1: 1, -1: 4, -2: vault.public(other_handle).x}}})
        own.append(own_credential(Kind.KID, parse_ccs(ccs), other_handle, vault, b"other"))
    peer = inputs[other]["own"]
    trusted.add(Kind(peer["kind"]), bytes.fromhex(peer["credential"]))
    suites = tuple(inputs["suites_i"] if side == "initiator" else inputs["suites_i"][-1:])
    return EdhocConfig(vault, own, trusted, Policy((inputs["method"],), suites, message_4=True))


@traces
def test_a_whole_handshake_gives_the_published_messages(case):
    """Sections 2 and 3, from the ephemeral keys to the keys of the channel."""
    inputs = case["inputs"]
    first, second = inputs["initiator"], inputs["responder"]
    initiator = Initiator(
        config(case, "initiator", "responder"),
        inputs["method"],
        bytes.fromhex(first["c"]),
        lambda _: bytes.fromhex(first["ephemeral"]),
        inputs["suites_i"][-1],
    )
    responder = Responder(config(case, "responder", "initiator"), lambda _: bytes.fromhex(second["ephemeral"]))
    expected = case["expect"]["output"]

    message_1 = initiator.prepare_message_1()
    responder.process_message_1(message_1)
    message_2 = responder.prepare_message_2(bytes.fromhex(second["c"]))
    initiator.process_message_2(message_2)
    message_3 = initiator.prepare_message_3()
    responder.process_message_3(message_3)
    message_4 = responder.prepare_message_4()
    session = initiator.process_message_4(message_4)

    assert [message.hex() for message in (message_1, message_2, message_3, message_4)] == [
        expected[f"message_{number}"] for number in (1, 2, 3, 4)
    ]
    assert session.prk_out.hex() == expected["prk_out"]
    assert responder.session is not None
    for keys in (session.oscore(), responder.session.oscore()):
        assert keys.master_secret.hex() == expected["oscore_master_secret"]
        assert keys.master_salt.hex() == expected["oscore_master_salt"]


@traces
def test_each_derivation_gives_the_published_value(case):
    """The key schedule, one function at a time, each from published inputs."""
    inputs, output = case["inputs"], case["expect"]["output"]
    steps = {name: bytes.fromhex(value) for name, value in case["steps"].items()}
    method, suite = inputs["method"], SUITES[inputs["suites_i"][-1]]
    (message_1,) = octets(output, "message_1")
    cred_i, cred_r = (
        parse_credential(Kind(inputs[side]["own"]["kind"]), bytes.fromhex(inputs[side]["own"]["credential"])).cred
        for side in ("initiator", "responder")
    )
    c_r = encode_identifier(bytes.fromhex(inputs["responder"]["c"]))
    static = method == 3

    assert key_schedule.th_2(steps["g_y"], message_1) == steps["th_2"]
    assert key_schedule.prk_2e(steps["th_2"], steps["g_xy"]) == steps["prk_2e"]
    if static:
        assert key_schedule.prk_3e2m(steps["prk_2e"], steps["th_2"], steps["g_rx"]) == steps["prk_3e2m"]
        assert key_schedule.prk_4e3m(steps["prk_3e2m"], steps["th_3"], steps["g_iy"]) == steps["prk_4e3m"]
    length = suite.mac_length if static else 32
    mac_2 = key_schedule.mac_2(steps["prk_3e2m"], c_r, steps["id_cred_r"], steps["th_2"], cred_r, b"", length)
    assert mac_2 == steps["mac_2"]
    mac_3 = key_schedule.mac_3(steps["prk_4e3m"], steps["id_cred_i"], steps["th_3"], cred_i, b"", length)
    assert mac_3 == steps["mac_3"]
    if not static:
        for mac, id_cred, th, cred, name in (
            (mac_2, steps["id_cred_r"], steps["th_2"], cred_r, "to_be_signed_2"),
            (mac_3, steps["id_cred_i"], steps["th_3"], cred_i, "to_be_signed_3"),
        ):
            assert key_schedule.signed(id_cred, th, cred, b"", mac) == steps[name]
    plaintext = Plaintext2(
        bytes.fromhex(inputs["responder"]["c"]), steps["id_cred_r"], steps["signature_or_mac_2"]
    ).encode()
    assert plaintext == steps["plaintext_2"]
    assert key_schedule.keystream_2(steps["prk_2e"], steps["th_2"], len(plaintext)) == steps["keystream_2"]
    assert key_schedule.xor(plaintext, steps["keystream_2"]) == steps["ciphertext_2"]
    assert key_schedule.th_3(steps["th_2"], plaintext, cred_r) == steps["th_3"]
    assert Plaintext3(steps["id_cred_i"], steps["signature_or_mac_3"]).encode() == steps["plaintext_3"]
    assert key_schedule.additional_data(steps["th_3"]) == steps["a_3"]
    assert key_schedule.key_and_nonce(steps["prk_3e2m"], 3, steps["th_3"], suite.aead) == (steps["k_3"], steps["iv_3"])
    assert key_schedule.th_4(steps["th_3"], steps["plaintext_3"], cred_i) == steps["th_4"]
    assert key_schedule.additional_data(steps["th_4"]) == steps["a_4"]
    assert key_schedule.key_and_nonce(steps["prk_4e3m"], 8, steps["th_4"], suite.aead) == (steps["k_4"], steps["iv_4"])
    (prk_out, prk_exporter) = octets(output, "prk_out", "prk_exporter")
    assert key_schedule.prk_out(steps["prk_4e3m"], steps["th_4"]) == prk_out
    assert key_schedule.prk_exporter(prk_out) == prk_exporter


@traces
def test_the_published_secrets_are_what_the_vault_agrees_on(case):
    """G_XY, G_RX and G_IY from the published private keys."""
    inputs, steps, vault = case["inputs"], case["steps"], software_vault(bytes)
    curve = SUITES[inputs["suites_i"][-1]].curve
    x, y = (vault.import_key(curve, bytes.fromhex(inputs[side]["ephemeral"])) for side in ("initiator", "responder"))

    assert (vault.public(x).x.hex(), vault.public(y).x.hex()) == (steps["g_x"], steps["g_y"])
    assert vault.agree(x, decode_public(curve, bytes.fromhex(steps["g_y"]))).hex() == steps["g_xy"]
    if "g_rx" in steps:
        i, r = (
            vault.import_key(curve, bytes.fromhex(inputs[side]["own"]["private_key"]))
            for side in ("initiator", "responder")
        )
        assert vault.agree(x, vault.public(r)).hex() == steps["g_rx"]
        assert vault.agree(i, vault.public(y)).hex() == steps["g_iy"]


@pytest.mark.parametrize("case", published("key_update"), ids=by_id)
def test_a_key_update_gives_the_published_keys(case):
    """Sections 2.7 and 3.8."""
    prk_out, context = octets(case["inputs"], "prk_out", "context")

    updated = key_schedule.updated(prk_out, context)

    assert updated.hex() == case["expect"]["output"]["prk_out"]
    assert key_schedule.prk_exporter(updated).hex() == case["expect"]["output"]["prk_exporter"]


@pytest.mark.parametrize("case", published("exporter"), ids=by_id)
def test_the_exporter_gives_the_published_keys(case):
    """Master secret and salt, before and after the update."""
    inputs = case["inputs"]
    key = key_schedule.kdf(bytes.fromhex(inputs["prk_exporter"]), inputs["label"], b"", inputs["length"])

    assert key.hex() == case["expect"]["output"]["key"]


def responder_for(suites: list[int]) -> Responder:
    vault, own = software_vault(bytes), []
    for curve in (Curve.P256, Curve.X25519):
        handle = vault.import_key(curve, bytes(range(1, 33)))
        key = vault.public(handle)
        numbers = {1: 2, -1: 1, -2: key.x, -3: key.y} if curve is Curve.P256 else {1: 1, -1: 4, -2: key.x}
        own.append(own_credential(Kind.KID, parse_ccs(dumps({8: {1: numbers}})), handle, vault, b"r"))
    return Responder(EdhocConfig(vault, own, TrustStore(), Policy((3,), tuple(suites))), lambda _: bytes(range(1, 33)))


@pytest.mark.parametrize("case", published("message_1_process"), ids=by_id)
def test_each_published_invalid_message_1_is_refused_for_its_reason(case):
    """Section 4. A point of low order shows only when the secret is computed: the Responder goes on to message_2."""

    def answer(message_1: bytes) -> None:
        responder = responder_for(case["inputs"]["suites"])
        responder.process_message_1(message_1)
        responder.prepare_message_2(b"\x00")

    with pytest.raises(ProtocolError) as caught:
        answer(bytes.fromhex(case["inputs"]["message_1"]))

    assert caught.value.problem.name.lower() == case["expect"]["error"]


@pytest.mark.parametrize("case", published("plaintext_2_decode"), ids=by_id)
def test_each_published_plaintext_2_is_read_or_refused_for_its_reason(case):
    """Sections 2.2, 3.4, 4.1.6, 4.1.7 and 4.2.5."""
    (data,) = octets(case["inputs"], "plaintext_2")
    usage, suite = responder_usage(case["inputs"]["method"]), SUITES[case["inputs"]["suite"]]
    expect = case["expect"]
    if "error" in expect:
        with pytest.raises(ProtocolError) as caught:
            check_length(Plaintext2.decode(data).signature_or_mac, usage, suite, "")
        assert caught.value.problem.name.lower() == expect["error"]
        return
    plaintext = Plaintext2.decode(data)
    assert plaintext.encode() == data
    assert (plaintext.c_r.hex(), plaintext.id_cred.hex()) == (expect["output"]["c_r"], expect["output"]["id_cred_r"])


@pytest.mark.parametrize("case", published("plaintext_3_decode"), ids=by_id)
def test_each_published_plaintext_3_is_read(case):
    """Sections 2.3 and 3.5."""
    (data,) = octets(case["inputs"], "plaintext_3")
    plaintext = Plaintext3.decode(data)

    check_length(
        plaintext.signature_or_mac, initiator_usage(case["inputs"]["method"]), SUITES[case["inputs"]["suite"]], ""
    )
    assert plaintext.encode() == data
    assert plaintext.id_cred.hex() == case["expect"]["output"]["id_cred_i"]


def test_the_published_message_2_with_two_elements_is_refused():
    """Section 4.1.5."""
    (invalid,) = (case for case in published("message_2_process") if "error" in case["expect"])
    trace = published("handshake")[1]
    ephemeral = bytes.fromhex(trace["inputs"]["initiator"]["ephemeral"])
    initiator = Initiator(config(trace, "initiator", "responder"), 3, b"\x37", lambda _: ephemeral, 2)
    initiator.prepare_message_1()

    with pytest.raises(ProtocolError) as caught:
        initiator.process_message_2(bytes.fromhex(invalid["inputs"]["message_2"]))

    assert caught.value.problem.name.lower() == "malformed"


def test_the_first_message_of_the_second_trace_is_answered_with_the_published_error():
    """Sections 3.1 and 3.2. The trap in it: suite 6 with a key on P-256, which nobody looks at."""
    responder = responder_for([2])
    (case,) = (case for case in published("message_1_process") if case["id"] == "first-message-of-trace-2")

    with pytest.raises(ProtocolError) as caught:
        responder.process_message_1(bytes.fromhex(case["inputs"]["message_1"]))

    assert responder.error_message(caught.value) == bytes.fromhex("0202") == ErrorMessage(2, (2,)).encode()


def test_published_sizes_are_kept():
    """RFC 9528 table 1: 37, 45 and 19 bytes with static Diffie-Hellman keys and a kid."""
    output = published("handshake")[1]["expect"]["output"]
    message_1 = Message1(3, (2,), bytes(32), b"\x37")

    assert [len(message_1.encode()), len(output["message_2"]) // 2, len(output["message_3"]) // 2] == [37, 45, 19]
    assert bstr(b"") == b"\x40"
