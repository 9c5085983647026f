"""Chapter *messaging*: deterministic CBOR, CoAP messages, slipmux, the endpoint, problem details."""
