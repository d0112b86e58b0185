#include "tests/trainer/toys.h"

#include <string.h>

#include "base/mem.h"
#include "tests/test.h"
#include "base/buf.h"
#include "trainer/dataset_out.h"

const char *const toy_names[] = {
    "cat",     "apple",          "grapes", "unicorn",   "hourglass", "glass of milk",
    "octopus", "people hugging", "x-ray",  "one-piece", "bus",       "person lifting weights",
    "ewe",
};
const int toy_n_names = sizeof toy_names / sizeof *toy_names;

static char *copy(const char *s)
{
    char *c = mem_strdup(s);

    assert_non_null(c);
    return c;
}

static struct image disc(int i)
{
    const uint8_t rgb[3] = { (uint8_t)(i * 37), (uint8_t)(i * 91 + 60), (uint8_t)(i * 53 + 120) };
    const int r = TOY_SIDE / 2;
    struct image img;

    assert_int_equal(image_new(TOY_SIDE, TOY_SIDE, 4, &img, NULL), 0);
    for (int y = 0; y < TOY_SIDE; y++)
        for (int x = 0; x < TOY_SIDE; x++) {
            uint8_t *px = image_row(&img, y) + 4 * x;
            int dx = 2 * x + 1 - 2 * r, dy = 2 * y + 1 - 2 * r;
            for (int c = 0; c < 3; c++)
                px[c] = x < r ? rgb[c] / 2 : rgb[c];
            px[3] = dx * dx + dy * dy <= 4 * r * r ? 255 : 0;
        }
    return img;
}

static void add_keywords(struct dataset_item *item, int n)
{
    static const char *const KEYWORDS[] = { "kw0", "kw1", "kw2" };

    item->keywords = mem_alloc((size_t)n, sizeof *item->keywords);
    for (item->n_keywords = 0; item->n_keywords < n; item->n_keywords++)
        item->keywords[item->n_keywords] = copy(KEYWORDS[item->n_keywords]);
}

static void add_object(struct dataset_out *out, int i)
{
    struct dataset_item item = { 0 };
    struct err e = { 0 };
    char text[32];

    snprintf(text, sizeof text, "u%x.png", (unsigned)i);
    item.key = copy(text);
    snprintf(text, sizeof text, "toy %d", i);
    item.name = copy(i < toy_n_names ? toy_names[i] : text);
    item.group = copy("Toys");
    item.subgroup = copy("toy-round");
    item.source = copy("test");
    item.flippable = i % 4 != 3;
    add_keywords(&item, i % 4);
    item.image = disc(i);
    assert_int_equal(dataset_out_add(out, &item, &e), 0);
    image_release(&item.image);
    dataset_item_release(&item);
}

static struct dataset *finish(struct dataset_out *out, const char *dir)
{
    struct dataset *ds;

    assert_int_equal(dataset_out_commit(out, NULL), 0);
    dataset_out_close(out);
    assert_int_equal(dataset_open(dir, &ds, NULL), 0);
    return ds;
}

struct dataset *toy_emoji_set(const char *dir)
{
    const struct dataset_source source = { "toys", "1", "toys.c", "none" };
    struct dataset_out *out;

    assert_int_equal(dataset_out_open(dir, DATASET_EMOJI, &source, 1, &out, NULL), 0);
    for (int i = 0; i < TOY_OBJECTS; i++)
        add_object(out, i);
    return finish(out, dir);
}

static void add_picture(struct dataset_out *out, int i, int w, int h)
{
    struct dataset_item item = { .group = copy(""), .subgroup = copy(""), .source = copy("test") };
    char text[32];

    snprintf(text, sizeof text, "picture %d", i);
    item.key = copy(text);
    item.name = copy(text);
    item.flippable = true;
    item.captions = mem_alloc(1, sizeof *item.captions);
    item.captions[0] = copy("one line");
    item.n_captions = i % 2; /* every other one has its name only */
    assert_int_equal(image_new(w, h, 3, &item.image, NULL), 0);
    for (size_t k = 0; k < (size_t)w * (size_t)h * 3; k++)
        item.image.px[k] = (uint8_t)((size_t)i * 31 + k % 251);
    assert_int_equal(dataset_out_add(out, &item, NULL), 0);
    image_release(&item.image);
    item.n_captions = 1;
    dataset_item_release(&item);
}

struct dataset *toy_folder_set(const char *dir, int n, int w, int h)
{
    struct dataset_out *out;

    assert_int_equal(dataset_out_open(dir, DATASET_FOLDER, NULL, 0, &out, NULL), 0);
    for (int i = 0; i < n; i++)
        add_picture(out, i, w, h);
    return finish(out, dir);
}

static bool same_place(const struct scene_place *a, const struct scene_place *b)
{
    return a->x == b->x && a->y == b->y && a->size == b->size && a->flip == b->flip;
}

bool toy_same_scene(const struct scene *a, const struct scene *b)
{
    return a->object == b->object && a->second == b->second && a->background == b->background &&
           same_place(&a->at[0], &b->at[0]) && same_place(&a->at[1], &b->at[1]) &&
           a->crop_x == b->crop_x && a->crop_y == b->crop_y && a->crop == b->crop &&
           a->crop_flip == b->crop_flip;
}
