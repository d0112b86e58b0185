/*
 * Any bytes as a data set's manifest; the pictures that are taken lie inside the pixels.
 */
#include "tests/fuzz/replay.h"

#include "base/mem.h"
#include "trainer/dataset_format.h"

enum { PIXELS = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t pixels[PIXELS];
    struct dataset ds = { .pictures = { pixels, PIXELS } };

    if (!dataset_read_manifest((const char *)data, size, &ds, NULL))
        for (int i = 0; i < ds.n; i++) {
            const struct image *img = &ds.item[i].image;
            size_t bytes = (size_t)img->h * image_row_bytes(img);
            FUZZ_CHECK(img->px >= pixels && bytes <= PIXELS);
            FUZZ_CHECK(img->px + bytes <= pixels + PIXELS);
        }
    for (int i = 0; i < ds.n; i++)
        dataset_item_release(&ds.item[i]);
    mem_free(ds.item);
    return 0;
}
