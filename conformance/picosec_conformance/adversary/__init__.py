"""The adversary of Dolev and Yao: it has the network, and may do with it whatever needs no key."""
