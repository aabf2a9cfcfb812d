"""One customer of a provider is one network, and a wider one around it in IPv6."""

import pytest

from app.login.networks import network_of, networks_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_one_customer_is_one_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_the_wider_network_is_that_of_a_site() -> None:
    here = networks_of("2001:db8:1:2:3:4:5:6")
    assert here == ("2001:db8:1:2::/64", "2001:db8:1::/48")
    assert networks_of("2001:db8:1:ffff::1")[1] == here[1]
    assert networks_of("2001:db8:2::1")[1] != here[1]
    assert networks_of("fe80::1%eth0") == ("fe80::/64", "fe80::/48")
    for single in ("10.0.0.1", "::ffff:10.0.0.1", "", "testclient"):
        assert len(networks_of(single)) == 1
