"""Chapter *channel*: EDHOC sets channels up, OSCORE runs them."""
