// SPDX-License-Identifier: Apache-2.0
//
// The list: base-passwd's accounts and groups, those of Debian 12's common daemons, and groups that rules of sudo,
// polkit, udev and container engines speak about. In byte order, because it is searched by halves.
#include "reserved.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {"adm", "admin", "administrator", "audio", "avahi", "avahi-autoipd",
        "backup", "bin", "bind", "bluetooth", "cdrom", "chrony", "clamav", "colord", "console", "crontab",
        "cups-pk-helper", "daemon", "dialout", "dip", "disk", "dnsmasq", "docker", "dovecot", "dovenull",
        "exim", "fax", "floppy", "fluent", "ftp", "fuse", "fwupd-refresh", "games", "gdm", "geoclue", "git",
        "gnats", "gnome-initial-setup", "gnome-remote-desktop", "grafana", "haldaemon", "halt", "haproxy",
        "hplip", "http", "httpd", "i2c", "ident", "incus", "incus-admin", "influxdb", "input", "irc",
        "jenkins", "kmem", "kubernetes", "kvm", "landscape", "lightdm", "list", "localhost", "lp", "lpadmin",
        "mail", "mailman", "man", "memcache", "messagebus", "mongodb", "mysql", "named", "netdev", "news",
        "nm-openconnect", "nm-openvpn", "nobody", "nogroup", "nscd", "nsd", "ntp", "ntpsec", "nvpd",
        "openldap", "operator", "pcap", "plugdev", "plymouth", "podman", "polkitd", "postdrop", "postfix",
        "postgres", "prometheus", "proxy", "pulse", "pulse-access", "rabbitmq", "redis", "render", "root",
        "rpc", "rpcuser", "rtkit", "sambashare", "saned", "sasl", "sddm", "sgx", "shadow", "shutdown",
        "speech-dispatcher", "spi", "src", "ssh", "sshd", "ssl-cert", "sssd", "staff", "statd", "stunnel4",
        "sudo", "sync", "sys", "syslog", "tape", "tcpdump", "telegraf", "tomcat", "toor", "tss", "tty",
        "unbound", "usbmux", "users", "utmp", "uucp", "uuidd", "valetkey", "video", "voice", "wheel",
        "whoopsie", "wireshark", "www", "www-data", "zabbix"};

static const char *const beginnings[] = {"_", "systemd-", "debian-", "libvirt", "lxd"};

bool name_is_reserved(const char *name)
{
        size_t low = 0, high = sizeof names / sizeof *names;

        for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
                if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
                        return true;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int c = strcmp(name, names[middle]);

                if (c == 0)
                        return true;
                if (c < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return false;
}
