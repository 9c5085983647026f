"""CoAP on UDP sockets of this machine."""

import socket
from contextlib import closing

import pytest
from echo_agent import EchoAgent

from picosec.net import udp
from picosec.net.clock import SystemClock
from picosec.net.loop import run
from picosec.net.transport import TransportError


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


HOSTS = ["127.0.0.1", pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"))]


@pytest.fixture
def opened():
    """Close what a test opened."""
    transports: list[udp.UdpTransport] = []
    yield transports
    for transport in transports:
        transport.close()


def port_of(transport: udp.UdpTransport) -> int:
    return int(transport.name.rpartition(":")[2])


@pytest.mark.parametrize("host", HOSTS)
def test_two_clients_each_get_their_own_answer(host, opened):
    """Answers go back to the address that asked, on IPv4 and on IPv6."""
    opened += udp.listen(host, 0)
    server = opened[0]
    opened += [udp.connect(host, port_of(server)) for _ in range(2)]
    first, second = opened[1:]
    first.send(None, b"first")
    second.send(None, b"second")

    agent = EchoAgent()
    run(agent, [server], SystemClock(), lambda: len(agent.received) == 2)

    assert first.receive() == [(None, b"first")]
    assert second.receive() == [(None, b"second")]


def test_localhost_is_every_loopback_address_on_one_port(opened):
    """A person who types localhost must not have to know which address family it means."""
    opened += udp.listen("localhost", 0)

    assert len({port_of(transport) for transport in opened}) == 1


@pytest.mark.parametrize("host", ["127.0.0.2", pytest.param("::1", marks=HOSTS[1].marks)])
def test_a_server_on_all_addresses_answers_from_the_one_that_was_asked(host, opened):
    """A client takes an answer from the address that it asked only; a machine may have many."""
    opened += udp.listen(None, 0)
    opened.append(udp.connect(host, port_of(opened[0])))
    client = opened[-1]
    client.send(None, b"hello")

    agent = EchoAgent()
    run(agent, opened[:-1], SystemClock(), lambda: bool(agent.received))

    assert client.receive() == [(None, b"hello")]


def test_a_taken_port_is_one_line_that_names_the_mend(opened):
    """The second device started on a port says so, and what to do."""
    opened += udp.listen("127.0.0.1", 0)
    port = port_of(opened[0])

    with pytest.raises(TransportError, match=f"UDP port {port} of 127.0.0.1 is taken.*choose another") as raised:
        udp.listen("127.0.0.1", port)

    assert "\n" not in str(raised.value)


def test_a_foreign_address_is_one_line_that_names_the_mend():
    """203.0.113.7 is nobody's address (RFC 5737)."""
    with pytest.raises(TransportError, match=r"203\.0\.113\.7 is not an address of this machine"):
        udp.listen("203.0.113.7", 0)


def test_an_unknown_name_is_one_line_that_names_the_mend():
    """A typing error in a host name."""
    with pytest.raises(TransportError, match="no address is known for 'no such host'"):
        udp.connect("no such host")


def test_a_closed_port_is_told_to_a_person_who_waits(opened):
    """Nobody should wait 93 seconds for a device that is not running."""
    opened += udp.listen("127.0.0.1", 0)
    client = udp.connect("127.0.0.1", port_of(opened[0]))
    opened.pop().close()

    client.send(None, b"hello")

    with closing(client), pytest.raises(TransportError, match=r"nobody listens at coap://127\.0\.0\.1:"):
        client.receive()


def test_a_server_survives_a_client_that_went_away(opened):
    """The answer to a closed port comes back as an ICMP error, which is not the server's trouble."""
    opened += udp.listen("127.0.0.1", 0)
    server = opened[0]
    gone = udp.connect("127.0.0.1", port_of(server))
    gone.send(None, b"hello")
    (address, _datagram), *_ = server.receive()
    gone.close()

    server.send(address, b"answer")

    assert server.receive() == []


def test_a_datagram_too_large_for_the_network_is_lost_and_nothing_else(opened):
    """What cannot be sent counts as lost on the way."""
    opened += udp.listen("127.0.0.1", 0)

    opened[0].send(("127.0.0.1", port_of(opened[0])), bytes(70000))

    assert opened[0].receive() == []
