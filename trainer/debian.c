#include "trainer/debian.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum { STATUS_MAX = 256 << 20, COPYRIGHT_MAX = 4 << 20, PATH_BYTES = 256 };

/* The value of the field that follows the line "Package: NAME"; NULL: not in the database. */
static const char *find_version(const char *status, const char *package)
{
    static const char FIELD[] = "\nVersion: ";
    char heading[PATH_BYTES];
    const char *entry, *end, *field;

    snprintf(heading, sizeof heading, "Package: %s\n", package);
    for (entry = strstr(status, heading); entry; entry = strstr(entry + 1, heading))
        if (entry == status || entry[-1] == '\n')
            break;
    if (!entry)
        return NULL;
    end = strstr(entry, "\n\n"); /* an empty line ends a package */
    field = strstr(entry, FIELD);
    return field && (!end || field < end) ? field + strlen(FIELD) : NULL;
}

void debian_version(const char *package, char ret_version[DEBIAN_VERSION_MAX])
{
    const char *version = NULL;
    struct buf status;

    buf_init(&status, STATUS_MAX);
    if (!file_read("/var/lib/dpkg/status", STATUS_MAX, &status, NULL) && status.len)
        version = find_version(status.data, package);
    if (!version)
        version = "unknown";
    snprintf(ret_version, DEBIAN_VERSION_MAX, "%.*s", (int)strcspn(version, "\n"), version);
    buf_release(&status);
}

void debian_copyright(const char *package, struct buf *out)
{
    char path[PATH_BYTES];
    struct buf text;

    snprintf(path, sizeof path, "/usr/share/doc/%s/copyright", package);
    buf_init(&text, COPYRIGHT_MAX);
    if (file_read(path, COPYRIGHT_MAX, &text, NULL))
        buf_printf(out, "\n==== %s: see its copyright file in Debian ====\n", package);
    else
        buf_printf(out, "\n==== %s ====\n\n%s", path, text.len ? text.data : "");
    buf_release(&text);
}
