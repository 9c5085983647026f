"""Two ends of one OSCORE channel, and the messages that tests send over it."""

from picosec.channel.oscore_context import SecurityContext
from picosec.crypto.aead import Aead
from picosec.messaging.coap import Code, Message, Option, Type, path_options

SECRET = bytes(range(16))
SALT = b"salt-and"

READ = Message(Type.CON, Code.GET, 7, b"\x4a", path_options("/sensors/temperature"))
SWITCH = Message(
    Type.CON, Code.PUT, 8, b"\x4b", (*path_options("/actuators/lamp"), (Option.CONTENT_FORMAT, b"<")), b"\xf5"
)
ANSWER = Message(Type.ACK, Code.CONTENT, 7, b"\x4a", ((Option.CONTENT_FORMAT, b"p"),), b"\x81\xa1\x02\x15")


def pair(aead=Aead.AES_CCM_16_64_128, client_id=b"\x00", server_id=b"\x01", **both):
    """Return client and server."""
    client = SecurityContext(SECRET, client_id, server_id, master_salt=SALT, aead=aead, **both)
    server = SecurityContext(SECRET, server_id, client_id, master_salt=SALT, aead=aead, **both)
    return client, server


class Flash:
    """Durable storage that outlives contexts, as a device's flash outlives its memory."""

    def __init__(self):
        self.reserved = {}

    def reserve(self, name, count):
        first = self.reserved.get(name, 0)
        self.reserved[name] = first + count
        return first
