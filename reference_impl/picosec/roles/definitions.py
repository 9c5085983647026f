"""Which options are understood where."""

from __future__ import annotations

from typing import Final

from picosec.messaging.coap import Option
from picosec.messaging.options import DEFINITIONS, Definition

#: Options understood inside a protected message: it holds no other one (CHN-780) and no message_3 (CHN-1560).
INNER_DEFINITIONS: Final = {
    **{number: each for number, each in DEFINITIONS.items() if number not in (Option.OSCORE, Option.EDHOC)},
    Option.DELIVERY: Definition(2, 14),
}
