// SPDX-License-Identifier: Apache-2.0
//
// /proc/PID/cgroup, /.flatpak-info and labels: whatever they hold, the outcome is a sandbox with a legal name, none, or no answer;
// and a text that names a sandbox in a form of Flatpak's or snapd's is never none.
#include "app_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
        if (!ok)
                abort();
}

static void check(const struct app_id *id, int r)
{
        must(r == 0 || r == -EBADMSG);
        if (r < 0)
                return;
        must(memchr(id->name, 0, sizeof id->name) && memchr(id->unit, 0, sizeof id->unit));
        must((id->kind == APP_NONE) == (id->name[0] == 0));
        must(id->kind != APP_FLATPAK || app_id_is_flatpak(id->name));
        must(id->kind != APP_SNAP || app_id_is_snap(id->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        int (*const readers[])(struct app_id *, const char *, size_t) = {app_id_from_proc_cgroup,
                app_id_from_cgroup_path, app_id_from_flatpak_info, app_id_from_label};
        // Of exactly this size, so that a reader that goes further is found.
        char *text = malloc(size ? size : 1);

        if (!text)
                return 0;
        if (size)
                memcpy(text, data, size);
        for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
                struct app_id id = {0};
                int r = readers[i](&id, text, size);

                check(&id, r);
                // A line of a cgroup in which Flatpak's or snapd's mark stands is somebody's.
                if (readers[i] == app_id_from_cgroup_path && r == 0 && size > 6 &&
                        memcmp(text, "/snap.", 6) == 0)
                        must(id.kind != APP_NONE);
                if (readers[i] == app_id_from_flatpak_info && r == 0)
                        must(id.kind == APP_FLATPAK);
        }
        free(text);
        return 0;
}
