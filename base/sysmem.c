#include "base/sysmem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/num.h"

#define FILE_MAX_BYTES 65536
#define AVAILABLE "MemAvailable:"

/* The first number in the text, as it is written there. */
static bool first_number(const char *text, size_t *ret)
{
    size_t skip = strcspn(text, "0123456789"), n = strspn(text + skip, "0123456789");
    char digits[24];
    uint64_t value;

    if (n == 0 || n >= sizeof digits)
        return false;
    snprintf(digits, sizeof digits, "%.*s", (int)n, text + skip);
    if (num_parse_u64(digits, "memory", &value, NULL))
        return false;
    *ret = (size_t)value;
    return true;
}

/* The number behind `key` in a file of the system. */
static bool read_number(const char *path, const char *key, size_t *ret)
{
    struct buf text;
    const char *at = NULL;
    bool found;

    buf_init(&text, FILE_MAX_BYTES);
    if (file_read(path, FILE_MAX_BYTES, &text, NULL) == 0 && text.len)
        at = strstr(text.data, key);
    found = at && first_number(at + strlen(key), ret);
    buf_release(&text);
    return found;
}

size_t sysmem_available_of(const char *meminfo, const char *group_max, const char *group_current)
{
    size_t available = SIZE_MAX, kib, max, current;

    if (read_number(meminfo, AVAILABLE, &kib) && !num_mul(kib, 1024, &available))
        available = SIZE_MAX;
    if (read_number(group_max, "", &max) && read_number(group_current, "", &current)) {
        size_t left = max > current ? max - current : 0;
        available = left < available ? left : available;
    }
    return available;
}

size_t sysmem_resident(void)
{
    size_t kib = 0, bytes = 0;

    return read_number("/proc/self/status", "VmRSS:", &kib) && num_mul(kib, 1024, &bytes) ? bytes
                                                                                          : 0;
}

size_t sysmem_available(void)
{
    return sysmem_available_of("/proc/meminfo", "/sys/fs/cgroup/memory.max",
                               "/sys/fs/cgroup/memory.current");
}
