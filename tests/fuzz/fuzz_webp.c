/*
 * Any bytes through the WebP decoder, within its limits.
 */
#include "tests/fuzz/replay.h"

#include "base/webp.h"

enum { PIXELS_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image img;

    if (webp_decode(data, size, PIXELS_MAX, &img, NULL))
        return 0;
    FUZZ_CHECK(img.channels == 3 || img.channels == 4);
    FUZZ_CHECK((size_t)img.w * (size_t)img.h <= PIXELS_MAX);
    image_release(&img);
    return 0;
}
