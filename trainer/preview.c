#include "trainer/preview.h"

#include <math.h>
#include <string.h>

#define PAIRS_MAX 32
#define COLUMNS 8

double preview_psnr(const uint8_t *a, const uint8_t *b, int n, int side)
{
    size_t size = (size_t)side * (size_t)side * 3;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double error = 0;
        for (size_t j = 0; j < size; j++) {
            double d = (double)a[(size_t)i * size + j] - b[(size_t)i * size + j];
            error += d * d;
        }
        sum += 10 * log10(255.0 * 255.0 / fmax(error / (double)size, 1e-3));
    }
    return sum / n;
}

int preview_pairs(const uint8_t *a, const uint8_t *b, int n, int side, struct image *ret_img,
                  struct err *e)
{
    struct image imgs[2 * PAIRS_MAX];
    size_t size = (size_t)side * (size_t)side * 3;
    int pairs = n < PAIRS_MAX ? n : PAIRS_MAX, made = 0, failed = 0;
    while (made < 2 * pairs && !failed) {
        failed = image_new(side, side, 3, &imgs[made], e);
        if (!failed) {
            memcpy(imgs[made].px, (made % 2 ? b : a) + (size_t)(made / 2) * size, size);
            made++;
        }
    }
    if (!failed)
        failed = image_grid(imgs, made, COLUMNS, 2, ret_img, e);
    while (made)
        image_release(&imgs[--made]);
    return failed ? -1 : 0;
}
