// SPDX-License-Identifier: Apache-2.0
//
// What of the kernel's news is the network coming back, and that listening to it takes nothing that cannot fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "network.h"
#include "rtnl.h"
#include "fault.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

struct link_message {
        struct nlmsghdr h;
        struct ifinfomsg i;
};

static struct link_message link_message(unsigned type, unsigned flags)
{
        struct link_message m = {
                .h = {.nlmsg_len = sizeof m, .nlmsg_type = (uint16_t)type}, .i = {.ifi_flags = flags}};

        return m;
}

static void links_that_run_bring_it(void **state)
{
        struct link_message up = link_message(RTM_NEWLINK, IFF_UP | IFF_RUNNING);
        struct link_message no_carrier = link_message(RTM_NEWLINK, IFF_UP);
        struct link_message down = link_message(RTM_NEWLINK, IFF_RUNNING);
        struct link_message gone = link_message(RTM_DELLINK, IFF_UP | IFF_RUNNING);
        struct link_message both[2] = {down, up};

        (void)state;
        assert_true(rtnl_brings_network(&up, sizeof up));
        assert_false(rtnl_brings_network(&no_carrier, sizeof no_carrier));
        assert_false(rtnl_brings_network(&down, sizeof down));
        assert_false(rtnl_brings_network(&gone, sizeof gone));
        assert_true(rtnl_brings_network(both, sizeof both));
        for (size_t n = 0; n < sizeof up; n++)
                assert_false(rtnl_brings_network(&up, n));
}

static void addresses_and_routes_that_lead_somewhere_bring_it(void **state)
{
        struct {
                struct nlmsghdr h;
                struct ifaddrmsg a;
        } address = {.h = {.nlmsg_len = sizeof address, .nlmsg_type = RTM_NEWADDR}};
        struct {
                struct nlmsghdr h;
                struct rtmsg r;
        } route = {.h = {.nlmsg_len = sizeof route, .nlmsg_type = RTM_NEWROUTE},
                .r = {.rtm_type = RTN_UNICAST, .rtm_table = RT_TABLE_MAIN}};

        (void)state;
        assert_true(rtnl_brings_network(&address, sizeof address));
        address.a.ifa_flags = IFA_F_TENTATIVE;
        assert_false(rtnl_brings_network(&address, sizeof address));
        address.a.ifa_flags = 0;
        address.a.ifa_scope = RT_SCOPE_LINK;
        assert_false(rtnl_brings_network(&address, sizeof address));
        assert_true(rtnl_brings_network(&route, sizeof route));
        route.r.rtm_table = RT_TABLE_LOCAL;
        assert_false(rtnl_brings_network(&route, sizeof route));
        route.r.rtm_table = RT_TABLE_MAIN;
        route.r.rtm_type = RTN_BLACKHOLE;
        assert_false(rtnl_brings_network(&route, sizeof route));
}

static void lengths_that_lie_are_not_believed(void **state)
{
        static const uint32_t lengths[] = {
                0, 1, 15, 17, sizeof(struct link_message) + 1, 1u << 31, UINT32_MAX, UINT32_MAX - 2};
        struct link_message two[2] = {
                link_message(RTM_NEWLINK, IFF_UP), link_message(RTM_NEWLINK, IFF_UP | IFF_RUNNING)};

        (void)state;
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
                struct link_message m = link_message(RTM_NEWLINK, IFF_UP | IFF_RUNNING);

                m.h.nlmsg_len = lengths[i];
                assert_false(rtnl_brings_network(&m, sizeof m));
                two[0].h.nlmsg_len = i < 3 ? lengths[i] : UINT32_MAX - (uint32_t)i;
                assert_false(rtnl_brings_network(two, sizeof two));
        }
}

static bool came_back(void *arg)
{
        ++*(unsigned *)arg;
        return true;
}

static void a_listener_that_cannot_be_made_leaves_nothing(void **state)
{
        struct network *n = NULL;
        struct loop *l = NULL;
        unsigned told = 0;
        int r = 0;

        (void)state;
        assert_int_equal(loop_new(&l, &clock_system), 0);
        FAULT_EACH(20, r = network_new(&n, l, came_back, &told))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(n);
        }
        assert_int_equal(r, 0);
        loop_run_once(l, 0);
        assert_int_equal(told, 0);
        network_free(n);
        loop_free(l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(links_that_run_bring_it),
                cmocka_unit_test(addresses_and_routes_that_lead_somewhere_bring_it),
                cmocka_unit_test(lengths_that_lie_are_not_believed),
                cmocka_unit_test(a_listener_that_cannot_be_made_leaves_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
