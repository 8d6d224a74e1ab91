// SPDX-License-Identifier: Apache-2.0
//
// valetkey-imds: for programs that know nothing of valetkey and ask where EC2's metadata service would be. Not where there is
// one.
#include "machine.h"
#include "imds.h"
#include "log.h"
#include "ports_list.h"
#include "service.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#define EXIT_CLOUD 78 // EX_CONFIG: the unit does not try again
#define IMDS_FILES (PORTS_LIST_MAX + 64)

static const char usage[] =
        "Usage: valetkey-imds [OPTION…]\n"
        "Sends connections to 169.254.169.254:80 and 169.254.170.2:80 to the loopback port of the\n"
        "connecting user. Normally started by systemd.\n"
        "\n"
        "Options:\n"
        "  --force           also on a machine of a cloud that has a metadata service there\n"
        "  --pass-below UID  users below that number reach what is really there (default: 0)\n"
        "  --cgroup DIR      only for this control group and those below it (default: all)\n"
        "  --state-dir DIR   where valetkeyd's ports are (default: " PATH_STATE ")\n"
        "  --users FILE      root's table of local users (default: " PATH_SYSCONF "/users)\n"
        "  --sysfs DIR       where the kernel tells what machine this is (default: /sys)\n"
        "  --help            this text\n"
        "  --version         the version\n";

struct options {
        struct imds_options imds;
        const char *sysfs;
        bool force;
};

static bool parse_uid(const char *s, uint32_t *ret)
{
        char *end;
        unsigned long v;

        errno = 0;
        v = strtoul(s, &end, 10);
        if (*s < '0' || *s > '9' || *end || errno || v >= UINT32_MAX)
                return false;
        *ret = (uint32_t)v;
        return true;
}

// -1: go on; otherwise the exit status.
static int parse(struct options *o, int argc, char *argv[])
{
        static const struct option options[] = {
                {"force", no_argument, NULL, 'f'},
                {"pass-below", required_argument, NULL, 'p'},
                {"cgroup", required_argument, NULL, 'c'},
                {"state-dir", required_argument, NULL, 's'},
                {"users", required_argument, NULL, 'u'},
                {"sysfs", required_argument, NULL, 'y'},
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, 'V'},
                {0},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                switch (c) {
                case 'f':
                        o->force = true;
                        break;
                case 'p':
                        if (!parse_uid(optarg, &o->imds.pass_below)) {
                                fprintf(stderr, "valetkey-imds: --pass-below wants a uid\n");
                                return 2;
                        }
                        break;
                case 'c':
                        o->imds.cgroup = optarg;
                        break;
                case 's':
                        o->imds.state_dir = optarg;
                        break;
                case 'u':
                        o->imds.root_table = optarg;
                        break;
                case 'y':
                        o->sysfs = optarg;
                        break;
                case 'h':
                        return fputs(usage, stdout) < 0 || fflush(stdout) != 0;
                case 'V':
                        return puts("valetkey-imds " VALETKEY_VERSION) < 0 || fflush(stdout) != 0;
                default:
                        return 2;
                }
        }
        if (optind < argc)
                fprintf(stderr, "valetkey-imds: what is '%s'? See --help\n", argv[optind]);
        return optind < argc ? 2 : -1;
}

static int run(const struct options *o)
{
        struct err err = ERR_INIT;
        struct machine_cloud cloud;
        sigset_t set;
        int r;

        if (machine_find_cloud(o->sysfs, &cloud) && !o->force) {
                fprintf(stderr,
                        "valetkey-imds: this is a machine of %s (%s/%s), which has a metadata service of its "
                        "own at "
                        "169.254.169.254. Its programs would lose it: see --force and --pass-below.\n",
                        cloud.name, o->sysfs, cloud.file);
                return EXIT_CLOUD;
        }
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        r = sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : service_allow_files(IMDS_FILES);
        if (r == 0)
                r = imds_run(&o->imds, &err);
        if (r < 0)
                fprintf(stderr, "valetkey-imds: %s\n", err.text[0] ? err.text : strerror(-r));
        return r < 0;
}

int main(int argc, char *argv[])
{
        struct options o = {.imds = {.state_dir = PATH_STATE,
                                    .root_table = PATH_SYSCONF "/users",
                                    .passwd = "/etc/passwd"},
                .sysfs = "/sys"};
        int r = service_harden();

        if (r < 0) {
                fprintf(stderr, "valetkey-imds: cannot secure this process: %s\n", strerror(-r));
                return 1;
        }
        log_init("valetkey-imds", LOG_E_INFO);
        r = parse(&o, argc, argv);
        return r >= 0 ? r : run(&o);
}
