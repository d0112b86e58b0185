#include "trainer/augment.h"

#include "base/mem.h"
#include "trainer/resample.h"

const struct scene_options scene_options_default = {
    .pair_probability = 0.1,
    .size_min = 0.75,
    .size_max = 0.97,
    .crop_min = 0.8,
    .flip = true,
    .hold_out_objects = false,
};

/* Two objects: sizes and places, as parts of the frame. */
static const float PAIR_SIZE_MIN = 0.42f, PAIR_SIZE_MAX = 0.5f;

enum { ALL_BACKGROUNDS = (1 << DATASET_BACKGROUNDS) - 1, PAIR_TRIES = 8 };

/* --- what a split may show --- */

static uint16_t emoji_backgrounds(const struct dataset_item *item, enum split split,
                                  const struct scene_options *o)
{
    unsigned bits = split == SPLIT_TRAIN ? ~(unsigned)item->held_out_on : item->held_out_on;

    if (o->hold_out_objects && item->held_out_object)
        return 0;
    return (uint16_t)(bits & ~(unsigned)item->low_contrast_on & ALL_BACKGROUNDS);
}

uint16_t scene_backgrounds(const struct dataset *ds, int object, enum split split,
                           const struct scene_options *o)
{
    return ds->kind == DATASET_EMOJI ? emoji_backgrounds(&ds->item[object], split, o) : 0;
}

static bool is_in_split(const struct dataset *ds, int object, enum split split,
                        const struct scene_options *o)
{
    if (ds->kind == DATASET_FOLDER)
        return ds->item[object].held_out_object == (split == SPLIT_HELD_OUT);
    return scene_backgrounds(ds, object, split, o) != 0;
}

int scene_objects(const struct dataset *ds, enum split split, const struct scene_options *o,
                  int **ret_objects, int *ret_n, struct err *e)
{
    int *objects = mem_alloc((size_t)ds->n, sizeof *objects), n = 0;

    if (!objects)
        return err_set(e, ERR_NOMEM, "no memory for a list of %d objects", ds->n);
    for (int i = 0; i < ds->n; i++)
        if (is_in_split(ds, i, split, o))
            objects[n++] = i;
    if (n == 0) {
        mem_free(objects);
        return err_set(e, ERR_INVALID, "data set of %d pictures: none is in the %s split", ds->n,
                       split == SPLIT_TRAIN ? "training" : "held-out");
    }
    *ret_objects = objects;
    *ret_n = n;
    return 0;
}

/* --- drawing a scene from random numbers --- */

static float between(struct rng *r, double low, double high)
{
    return (float)(low + (high - low) * (double)rng_uniform(r));
}

/* One of the set bits; bits is not 0. */
static int draw_bit(struct rng *r, uint16_t bits)
{
    uint32_t skip = rng_below(r, (uint32_t)__builtin_popcount(bits));

    while (skip--)
        bits &= (uint16_t)(bits - 1);
    return __builtin_ctz(bits);
}

static bool draw_flip(const struct dataset_item *item, const struct scene_options *o, struct rng *r)
{
    return (rng_u32(r) & 1) && o->flip && item->flippable;
}

/* Anywhere in the cell of the frame where the whole object fits; centre and half sides as parts. */
static struct scene_place draw_place(float size, float x, float half_w, float half_h, struct rng *r)
{
    float slack_x = half_w > size / 2 ? half_w - size / 2 : 0;
    float slack_y = half_h > size / 2 ? half_h - size / 2 : 0;

    return (struct scene_place){ .x = x + between(r, -slack_x, slack_x),
                                 .y = 0.5f + between(r, -slack_y, slack_y),
                                 .size = size };
}

static void place_one(const struct dataset *ds, const struct scene_options *o, struct rng *r,
                      struct scene *s)
{
    s->at[0] = draw_place(between(r, o->size_min, o->size_max), 0.5f, 0.5f, 0.5f, r);
    s->at[0].flip = draw_flip(&ds->item[s->object], o, r);
}

static void place_two(const struct dataset *ds, const struct scene_options *o, struct rng *r,
                      struct scene *s)
{
    const int objects[2] = { s->object, s->second };

    for (int i = 0; i < 2; i++) {
        float size = between(r, PAIR_SIZE_MIN, PAIR_SIZE_MAX);
        s->at[i] = draw_place(size, i == 0 ? 0.25f : 0.75f, 0.25f, 0.4f, r);
        s->at[i].flip = draw_flip(&ds->item[objects[i]], o, r);
    }
}

/* A second object that may share a background with the first; sometimes there is none in a few
 * tries, and the first stands alone. */
static void draw_second(const struct dataset *ds, const struct scene_options *o, struct rng *r,
                        struct scene *s, uint16_t *backgrounds)
{
    for (int t = 0; t < PAIR_TRIES; t++) {
        int other = (int)rng_below(r, (uint32_t)ds->n);
        uint16_t both = *backgrounds & scene_backgrounds(ds, other, SPLIT_TRAIN, o);
        if (other == s->object || !both)
            continue;
        s->second = other;
        *backgrounds = both;
        return;
    }
}

static void draw_emoji(const struct dataset *ds, enum split split, const struct scene_options *o,
                       struct rng *r, struct scene *s)
{
    uint16_t backgrounds = scene_backgrounds(ds, s->object, split, o);

    if (backgrounds & o->prefer)
        backgrounds &= o->prefer;
    if (split == SPLIT_TRAIN && rng_uniform(r) < o->pair_probability)
        draw_second(ds, o, r, s, &backgrounds);
    s->background = draw_bit(r, backgrounds);
    if (s->second < 0)
        place_one(ds, o, r, s);
    else
        place_two(ds, o, r, s);
}

int scene_other_background(const struct dataset *ds, const struct scene *s,
                           const struct scene_options *o, struct rng *r)
{
    uint16_t backgrounds = scene_backgrounds(ds, s->object, SPLIT_TRAIN, o);

    if (s->second >= 0)
        backgrounds &= scene_backgrounds(ds, s->second, SPLIT_TRAIN, o);
    backgrounds &= (uint16_t) ~(1u << s->background);
    return backgrounds ? draw_bit(r, backgrounds) : s->background;
}

static int shorter_side(const struct image *img)
{
    return img->w < img->h ? img->w : img->h;
}

/* Training takes a random square; tests take the one in the middle. */
static void draw_crop(const struct dataset *ds, enum split split, const struct scene_options *o,
                      struct rng *r, struct scene *s)
{
    const struct image *img = &ds->item[s->object].image;
    float side = (float)shorter_side(img), random_x = 0.5f, random_y = 0.5f;

    if (split == SPLIT_TRAIN) {
        side *= between(r, o->crop_min, 1);
        random_x = rng_uniform(r);
        random_y = rng_uniform(r);
        s->crop_flip = draw_flip(&ds->item[s->object], o, r);
    }
    s->crop = side;
    s->crop_x = random_x * ((float)img->w - side);
    s->crop_y = random_y * ((float)img->h - side);
}

void scene_draw(const struct dataset *ds, int object, enum split split,
                const struct scene_options *o, struct rng *r, struct scene *ret_scene)
{
    *ret_scene = (struct scene){ .object = object, .second = -1, .background = -1 };
    if (ds->kind == DATASET_EMOJI)
        draw_emoji(ds, split, o, r, ret_scene);
    else
        draw_crop(ds, split, o, r, ret_scene);
}

void scene_plain(const struct dataset *ds, int object, int background, struct scene *ret_scene)
{
    const struct image *img = &ds->item[object].image;
    float side = (float)shorter_side(img);

    *ret_scene = (struct scene){ .object = object, .second = -1, .plain = true, .background = -1 };
    if (ds->kind == DATASET_EMOJI) {
        ret_scene->background = background;
        ret_scene->at[0] = (struct scene_place){ .x = 0.5f, .y = 0.5f, .size = 0.86f };
    } else {
        ret_scene->crop = side;
        ret_scene->crop_x = ((float)img->w - side) / 2;
        ret_scene->crop_y = ((float)img->h - side) / 2;
    }
}

/* --- pixels --- */

static void fill(uint8_t *rgb, int side, const uint8_t colour[3])
{
    for (size_t i = 0; i < (size_t)side * (size_t)side; i++)
        for (int c = 0; c < 3; c++)
            rgb[3 * i + (size_t)c] = colour[c];
}

static int render_object(const struct dataset *ds, int object, const struct scene_place *at,
                         int side, uint8_t *rgb, struct err *e)
{
    const struct image *img = &ds->item[object].image;
    int longer = img->w > img->h ? img->w : img->h;
    float scale = at->size * (float)side / (float)longer;
    struct resample r = { .left = at->x * (float)side - scale * (float)img->w / 2,
                          .top = at->y * (float)side - scale * (float)img->h / 2,
                          .scale = scale,
                          .flip = at->flip };

    return resample_draw(img, &r, side, rgb, e);
}

/* The picture covers the canvas but for rounding, which must not show what was there before. */
static int render_crop(const struct dataset *ds, const struct scene *s, int side, uint8_t *rgb,
                       struct err *e)
{
    static const uint8_t BLACK[3] = { 0 };
    const struct image *img = &ds->item[s->object].image;
    float scale = (float)side / s->crop;
    float hidden_right = (float)img->w - s->crop_x - s->crop;
    struct resample r = { .left = -scale * (s->crop_flip ? hidden_right : s->crop_x),
                          .top = -scale * s->crop_y,
                          .scale = scale,
                          .flip = s->crop_flip };

    fill(rgb, side, BLACK);
    return resample_draw(img, &r, side, rgb, e);
}

int scene_render(const struct dataset *ds, const struct scene *s, int side, uint8_t *ret_rgb,
                 struct err *e)
{
    if (side < 1 || side > SCENE_SIDE_MAX)
        return err_set(e, ERR_INVALID, "side: %d is outside 1..%d", side, SCENE_SIDE_MAX);
    if (ds->kind == DATASET_FOLDER)
        return render_crop(ds, s, side, ret_rgb, e);
    fill(ret_rgb, side, dataset_backgrounds[s->background].rgb);
    if (render_object(ds, s->object, &s->at[0], side, ret_rgb, e))
        return -1;
    return s->second < 0 ? 0 : render_object(ds, s->second, &s->at[1], side, ret_rgb, e);
}
