#include "tests/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "server/peer.h"

static void assert_ip6(const char *address, const char *want)
{
    struct sockaddr_in6 sa = { .sin6_family = AF_INET6 };
    char name[PEER_NAME_MAX];

    assert_int_equal(inet_pton(AF_INET6, address, &sa.sin6_addr), 1);
    peer_name((struct sockaddr *)&sa, name);
    assert_string_equal(name, want);
}

static void test_names(void **state)
{
    struct sockaddr_in ip4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000207) };
    struct sockaddr unix = { .sa_family = AF_UNIX };
    char name[PEER_NAME_MAX];

    (void)state;
    peer_name((struct sockaddr *)&ip4, name);
    assert_string_equal(name, "192.0.2.7");
    peer_name(&unix, name);
    assert_string_equal(name, "local");
    peer_name(NULL, name);
    assert_string_equal(name, "unknown");
    assert_ip6("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
    assert_ip6("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"); /* the same client */
    assert_ip6("::ffff:192.0.2.7", "192.0.2.7");
    assert_ip6("::1", "::/64");
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_names),
};

TEST_MAIN(TESTS)
