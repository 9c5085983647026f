"""``picosec identity``: makes a key, and the credential that goes with it."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from picosec.channel.credentials import Kind, Usage, parse_ccs
from picosec.cli.files import USAGES, Identity, new_identity_paths, write_identity
from picosec.cli.mistakes import DONE, Mistake, explained
from picosec.cli.rest import identity_safe, is_token, token_vault
from picosec.crypto.curves import Curve, PublicKey
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.net.secret_file import wipe

CURVES = {"P-256": Curve.P256, "X25519": Curve.X25519, "Ed25519": Curve.ED25519}

# Labels of a CWT claims set (RFC 8392, RFC 8747) and of a COSE_Key (RFC 9052, RFC 9053).
_SUB, _CNF, _COSE_KEY = 2, 8, 1
_KTY, _KID, _CRV, _X, _Y = 1, 2, -1, -2, -3
_OKP, _EC2 = 1, 2
#: Long enough for no two identities of a household to share one by chance.
_KID_LENGTH = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options and examples of the command."""
    parser.description = """Make a key pair for EDHOC. FILE gets the private key and stays with you; the
public half, beside it, is for those who shall trust you."""
    parser.epilog = """examples:
  picosec identity lamp.toml --name "hall lamp"
      writes lamp.toml and lamp.public.toml
  picosec identity me.toml --usage signature
      a key that signs instead of one for static Diffie-Hellman: longer messages
  picosec identity lamp.toml --vault vault/lamp.toml
      the private key is sealed: lamp.toml is of no use without the vault
  picosec identity lamp.toml --vault 'pkcs11:token=lamp?pin-source=/etc/lamp.pin'
      the private key is made in a token and never leaves it
"""
    parser.add_argument("file", type=Path, metavar="FILE", help="where the identity goes, such as lamp.toml")
    parser.add_argument("--name", help="for people; stands in the credential (default: the name of the file)")
    parser.add_argument("--curve", choices=CURVES, help="default: P-256, which every device takes")
    parser.add_argument("--usage", choices=USAGES, default="static-dh", help="what the key is for (default: static-dh)")
    parser.add_argument("--kid", metavar="HEX", help="key identifier (default: four random bytes)")
    parser.add_argument(
        "--vault",
        metavar="FILE|URI",
        help="seal the private key with this vault, made if not there; or make it in a token, pkcs11:…",
    )
    parser.add_argument(
        "--by-value", action="store_true", help="send the whole credential in each handshake, not only its identifier"
    )


@explained
def run(options: argparse.Namespace) -> int:
    """Make the key and write both files."""
    usage = USAGES[options.usage]
    curve = CURVES[options.curve or "P-256"]
    if (curve is Curve.X25519 and usage is Usage.SIGNATURE) or (curve is Curve.ED25519 and usage is Usage.STATIC_DH):
        other = "static-dh" if usage is Usage.SIGNATURE else "signature"
        raise Mistake(f"a key on {options.curve} cannot serve {options.usage}: add `--usage {other}`")
    try:
        kid = os.urandom(_KID_LENGTH) if options.kid is None else bytes.fromhex(options.kid)
    except ValueError as error:
        raise Mistake(f"--kid takes hexadecimal digits, not {options.kid!r}") from error

    new_identity_paths(options.file)
    name = options.name or options.file.stem
    kind = Kind.KCCS if options.by_value else Kind.KID

    def identity(public: PublicKey, private: bytearray | None = None, vault_key: bytes | None = None) -> Identity:
        credential = cbor.dumps({_SUB: name, _CNF: {_COSE_KEY: _cose_key(public, kid)}})
        parsed = parse_ccs(credential)
        return Identity(name, kind, usage, credential, parsed, kid, private, vault_key=vault_key)

    if options.vault is None:
        private, public = _generate(curve)
        made, what = identity(public, private), "the private key: keep it to yourself"
    elif is_token(options.vault):
        public, key_id = _in_token(options.vault, curve, usage, options.file)
        made, what = identity(public, vault_key=key_id), "names the private key, which stays in the token"
    else:
        private, public = _generate(curve)
        made, what = _sealed(identity(public, private), options.vault), "the private key, sealed"
    public_path = write_identity(options.file, made)
    print(f"{options.file}  {what}")
    print(f"{public_path}  the public half: for those who shall trust {name!r}")
    return DONE


def _generate(curve: Curve) -> tuple[bytearray, PublicKey]:
    vault = software_vault(os.urandom)
    while True:
        private = bytearray(os.urandom(32))
        try:
            return private, vault.public(vault.import_key(curve, private))
        except ProtocolError:  # one P-256 key in four thousand million is none
            continue


def _in_token(uri: str, curve: Curve, usage: Usage, file: Path) -> tuple[PublicKey, bytes]:
    """Let the token make a key; return the public key, and the name of the private one."""
    if not file.resolve().parent.is_dir():  # no key without a file that names it
        raise Mistake(f"{file.resolve().parent}: there is no such folder")
    with ExitStack() as opened:
        vault = token_vault(uri, (), (), opened)
        key_id, handle = vault.make(curve, signs=usage is Usage.SIGNATURE)
        return vault.public(handle), key_id


def _sealed(identity: Identity, vault: str) -> Identity:
    assert identity.private_key is not None
    sealed = identity_safe(Path(vault)).seal(bytes(identity.private_key), identity.sealing_label())
    wipe(identity.private_key)
    return replace(identity, private_key=None, sealed_key=sealed)


def _cose_key(public: PublicKey, kid: bytes) -> dict[int, object]:
    if public.curve is Curve.P256:
        return {_KTY: _EC2, _KID: kid, _CRV: public.curve.value, _X: public.x, _Y: public.y}
    return {_KTY: _OKP, _KID: kid, _CRV: public.curve.value, _X: public.x}
