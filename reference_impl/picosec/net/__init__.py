"""The only code that does input and output: transports that move datagrams, clocks, files, and the loop around them."""
