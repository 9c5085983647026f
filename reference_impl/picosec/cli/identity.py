"""``picosec identity``: makes a key, and the credential that goes with it."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

from picosec.channel.credentials import Kind, Usage, parse_ccs
from picosec.cli.files import USAGES, Identity, new_identity_paths, sealing_label, write_identity
from picosec.cli.key_files import CURVES, new_kid
from picosec.cli.mistakes import DONE, Mistake, explained
from picosec.cli.private import keeper
from picosec.cli.vaults import add_vault_argument
from picosec.crypto.curves import Curve, PublicKey
from picosec.messaging import cbor

# Labels of a CWT claims set (RFC 8392, RFC 8747) and of a COSE_Key (RFC 9052, RFC 9053).
_SUB, _CNF, _COSE_KEY = 2, 8, 1
_KTY, _KID, _CRV, _X, _Y = 1, 2, -1, -2, -3
_OKP, _EC2 = 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options and examples of the command."""
    parser.description = """Make a key pair for EDHOC. FILE gets the private key, sealed by your vault, and
stays with you; the public half, beside it, is for those who shall trust you."""
    parser.epilog = """examples:
  picosec identity lamp.toml --name "hall lamp"
      writes lamp.toml and lamp.public.toml
  picosec identity me.toml --usage signature
      a key that signs instead of one for static Diffie-Hellman: longer messages
  picosec identity lamp.toml --vault vault/lamp.toml
      the private key is sealed by the vault of the lamp instead of your own
  picosec identity lamp.toml --vault 'pkcs11:token=lamp?pin-source=/etc/lamp.pin'
      the private key is made in a token and never leaves it
  picosec identity lamp.toml --unsealed
      for a machine that is not this one: seal it there, with `picosec seal lamp.toml`

exit codes: 0 done · 2 a mistake in the command or its files
"""
    parser.add_argument("file", type=Path, metavar="FILE", help="where the identity goes, such as lamp.toml")
    parser.add_argument("--name", help="for people; stands in the credential (default: the name of the file)")
    parser.add_argument("--curve", choices=CURVES, help="default: P-256, which every device takes")
    parser.add_argument("--usage", choices=USAGES, default="static-dh", help="what the key is for (default: static-dh)")
    parser.add_argument("--kid", metavar="HEX", help="key identifier (default: four random bytes)")
    add_vault_argument(parser, "what seals the private key", making=True)
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
    kid = new_kid(options.kid)
    new_identity_paths(options.file)
    name = options.name or options.file.stem
    kind = Kind.KCCS if options.by_value else Kind.KID

    if not options.file.resolve().parent.is_dir():  # no key in a token without a file that names it
        raise Mistake(f"{options.file.resolve().parent}: there is no such folder")

    def credential(public: PublicKey) -> bytes:
        return cbor.dumps({_SUB: name, _CNF: {_COSE_KEY: _cose_key(public, kid)}})

    with ExitStack() as opened:
        keys = keeper(options.vault, opened, unsealed=options.unsealed)
        handle, private = keys.make(
            curve, lambda public: sealing_label(credential(public)), signs=usage is Usage.SIGNATURE
        )
        claims = credential(keys.vault.public(handle))
        made = Identity(name, kind, usage, claims, parse_ccs(claims), sealing_label(claims), kid, private)
        public_path = write_identity(options.file, made)
    print(f"{options.file}  {private.described}")
    print(f"{public_path}  the public half: for those who shall trust {name!r}")
    return DONE


def _cose_key(public: PublicKey, kid: bytes) -> dict[int, object]:
    if public.curve is Curve.P256:
        return {_KTY: _EC2, _KID: kid, _CRV: public.curve.value, _X: public.x, _Y: public.y}
    return {_KTY: _OKP, _KID: kid, _CRV: public.curve.value, _X: public.x}
