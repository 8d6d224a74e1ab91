// SPDX-License-Identifier: Apache-2.0
//
// Every length is checked against what is left before it is believed, and nothing is read in place: a packet need not
// be aligned for anything.
#include "rtnl.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

static bool link_runs(const struct ifinfomsg *i)
{
        return (i->ifi_flags & IFF_UP) && (i->ifi_flags & IFF_RUNNING);
}

// Another message follows when an IPv6 address is no longer tentative.
static bool address_reaches(const struct ifaddrmsg *a)
{
        return a->ifa_scope < RT_SCOPE_LINK && !(a->ifa_flags & IFA_F_TENTATIVE);
}

static bool route_leads_somewhere(const struct rtmsg *r)
{
        return r->rtm_type == RTN_UNICAST && r->rtm_table != RT_TABLE_LOCAL && r->rtm_scope < RT_SCOPE_LINK &&
               !(r->rtm_flags & RTM_F_CLONED);
}

static bool message_brings(unsigned type, const void *p, size_t n)
{
        union {
                struct ifinfomsg link;
                struct ifaddrmsg address;
                struct rtmsg route;
        } u;
        size_t want = type == RTM_NEWLINK    ? sizeof u.link
                      : type == RTM_NEWADDR  ? sizeof u.address
                      : type == RTM_NEWROUTE ? sizeof u.route
                                             : 0;

        if (want == 0 || n < want)
                return false;
        memcpy(&u, p, want);
        return type == RTM_NEWLINK   ? link_runs(&u.link)
               : type == RTM_NEWADDR ? address_reaches(&u.address)
                                     : route_leads_somewhere(&u.route);
}

bool rtnl_brings_network(const void *packet, size_t n)
{
        const char *p = packet;

        while (n >= sizeof(struct nlmsghdr)) {
                struct nlmsghdr h;
                size_t step;

                memcpy(&h, p, sizeof h);
                if (h.nlmsg_len < sizeof h || h.nlmsg_len > n)
                        return false;
                if (message_brings(h.nlmsg_type, p + NLMSG_HDRLEN, h.nlmsg_len - NLMSG_HDRLEN))
                        return true;
                step = NLMSG_ALIGN((size_t)h.nlmsg_len);
                if (step >= n)
                        return false;
                p += step;
                n -= step;
        }
        return false;
}
