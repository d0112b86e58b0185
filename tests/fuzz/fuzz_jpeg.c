/*
 * Any bytes through the JPEG decoder, within its limits.
 */
#include "tests/fuzz/replay.h"

#include "base/jpeg.h"

enum { PIXELS_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image img;

    if (jpeg_decode(data, size, PIXELS_MAX, &img, NULL))
        return 0;
    FUZZ_CHECK(img.channels == 3);
    FUZZ_CHECK((size_t)img.w * (size_t)img.h <= PIXELS_MAX);
    image_release(&img);
    return 0;
}
