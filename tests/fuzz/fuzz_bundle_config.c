/*
 * Any bytes as a bundle's config.json; what is taken is within limits and survives a round trip.
 */
#include "tests/fuzz/replay.h"

#include <string.h>

#include "model/bundle_config.h"

static void round_trip(const struct bundle_config *c)
{
    struct bundle_config back;
    struct buf one, two;

    buf_init(&one, BUNDLE_CONFIG_MAX);
    buf_init(&two, BUNDLE_CONFIG_MAX);
    FUZZ_CHECK(bundle_config_format(c, &one, NULL) == 0);
    FUZZ_CHECK(bundle_config_parse(one.data, one.len, &back, NULL) == 0);
    FUZZ_CHECK(bundle_config_format(&back, &two, NULL) == 0);
    FUZZ_CHECK(strcmp(one.data, two.data) == 0);
    buf_release(&one);
    buf_release(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle_config c;
    struct err e = { 0 };

    if (bundle_config_parse((const char *)data, size, &c, &e)) {
        FUZZ_CHECK(e.code != ERR_NONE && e.msg[0]);
        return 0;
    }
    FUZZ_CHECK(bundle_config_check(&c, NULL) == 0);
    round_trip(&c);
    return 0;
}
