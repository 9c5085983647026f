"""The sorts of keys that `picosec identity` makes."""

#: What sorts of keys there are. The device and the person have one of each.
SORTS = {
    "P-256-static-dh": ["--curve", "P-256"],
    "P-256-signature": ["--curve", "P-256", "--usage", "signature"],
    "X25519-static-dh": ["--curve", "X25519"],
    "Ed25519-signature": ["--curve", "Ed25519", "--usage", "signature"],
}

#: What no cipher suite brings together.
IMPOSSIBLE = [
    {"P-256-static-dh", "X25519-static-dh"},
    {"P-256-signature", "Ed25519-signature"},
    {"P-256-static-dh", "Ed25519-signature"},
]
