/*
 * Any bytes as a configuration file: either read, with every field within its limits, or refused
 * with words.
 */
#include "tests/fuzz/replay.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/conf.h"

struct config {
    int64_t queue_max;
    double temperature;
    bool metrics;
    char *model_dir;
    int format;
};

static const struct conf_row ROWS[] = {
    CONF_INT("server", "queue_max", "64", 1, 4096, struct config, queue_max, ""),
    CONF_BOOL("server", "metrics", "yes", struct config, metrics, ""),
    CONF_REAL("sample", "temperature", "1.0", 0.05, 2, struct config, temperature, ""),
    CONF_STRING("model", "model_dir", "", 20, struct config, model_dir, ""),
    CONF_ENUM("model", "format", "png", "png|jpeg", struct config, format, ""),
    CONF_END,
};

static void load(const char *path)
{
    struct config c = { 0 };
    struct err e = { 0 };

    FUZZ_CHECK(conf_defaults(ROWS, &c, NULL) == 0);
    if (conf_load(ROWS, &c, path, &e))
        FUZZ_CHECK(e.code != ERR_NONE && e.msg[0]);
    FUZZ_CHECK(c.queue_max >= 1 && c.queue_max <= 4096);
    FUZZ_CHECK(c.temperature >= 0.05 && c.temperature <= 2);
    FUZZ_CHECK(c.model_dir && strlen(c.model_dir) <= 20);
    FUZZ_CHECK(c.format == 0 || c.format == 1);
    conf_release(ROWS, &c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("conf", MFD_CLOEXEC);
    char path[64];

    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    load(path);
    close(fd);
    return 0;
}
