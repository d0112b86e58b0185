/*
 * Any bytes through the PNG decoder; what it takes survives a round trip.
 */
#include "tests/fuzz/replay.h"

#include <string.h>

#include "base/png.h"

enum { PIXELS_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image img, back;
    struct buf png;

    if (png_decode(data, size, PIXELS_MAX, &img, NULL))
        return 0;
    buf_init(&png, 1 << 24);
    FUZZ_CHECK(png_encode(&img, NULL, 0, &png, NULL) == 0);
    FUZZ_CHECK(png_decode(png.data, png.len, PIXELS_MAX, &back, NULL) == 0);
    FUZZ_CHECK(back.w == img.w && back.h == img.h && back.channels == img.channels);
    FUZZ_CHECK(memcmp(back.px, img.px, image_row_bytes(&img) * (size_t)img.h) == 0);
    image_release(&img);
    image_release(&back);
    buf_release(&png);
    return 0;
}
