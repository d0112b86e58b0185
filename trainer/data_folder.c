#include "trainer/data.h"

#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/format.h"
#include "base/log.h"
#include "base/mem.h"
#include "trainer/dataset_out.h"
#include "trainer/phrases.h"

enum {
    FILES_MAX = 2 * DATASET_ITEMS_MAX, /* a picture and its captions */
    PICTURE_BYTES_MAX = 256 << 20,
    PIXELS_MAX = 100000000,
    CAPTIONS_BYTES_MAX = 64 << 10,
};

static bool is_picture(const char *name)
{
    static const char *const ENDINGS[] = { ".png", ".jpg", ".jpeg", ".webp" };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof ENDINGS / sizeof *ENDINGS; i++)
        if (strcasecmp(dot, ENDINGS[i]) == 0)
            return true;
    return false;
}

/* --- the picture --- */

static int load_picture(const char *path, struct image *ret_img, struct err *e)
{
    struct buf file;
    int rc;

    buf_init(&file, PICTURE_BYTES_MAX);
    rc = file_read(path, PICTURE_BYTES_MAX, &file, e);
    if (!rc)
        rc = format_decode(file.data, file.len, PIXELS_MAX, ret_img, e);
    buf_release(&file);
    return rc;
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

/* Transparent parts become white. */
static int flatten(struct image *img, struct err *e)
{
    static const uint8_t WHITE[3] = { 255, 255, 255 };
    struct image flat;

    if (img->channels == 3)
        return 0;
    if (image_flatten(img, WHITE, &flat, e))
        return -1;
    image_release(img);
    *img = flat;
    return 0;
}

/* The ends of a panorama go, in proportion to what is stored. */
static int crop_ends(struct image *img, int longest, struct err *e)
{
    int w = min(img->w, longest), h = min(img->h, longest);
    struct image middle;

    if (w == img->w && h == img->h)
        return 0;
    if (image_crop(img, (img->w - w) / 2, (img->h - h) / 2, w, h, &middle, e))
        return -1;
    image_release(img);
    *img = middle;
    return 0;
}

static int scaled(int side, int from, int to)
{
    return min((int)(((int64_t)side * to + from / 2) / from), DATASET_SIDE_MAX);
}

/* The short side becomes at most side_max. */
static int shrink(struct image *img, int side_max, struct err *e)
{
    int from = min(img->w, img->h), to = min(from, side_max);
    struct image small;

    if (crop_ends(img, min(IMAGE_SIDE_MAX, DATASET_SIDE_MAX * from / to), e))
        return -1;
    if (to == from)
        return 0;
    if (image_resize(img, scaled(img->w, from, to), scaled(img->h, from, to), IMAGE_BICUBIC, &small,
                     e))
        return -1;
    image_release(img);
    *img = small;
    return 0;
}

/* --- its words --- */

/* "my_cat-2.jpg" -> "my cat 2" */
static char *name_of(const char *file)
{
    const char *dot = strrchr(file, '.');
    char *stem = mem_strndup(file, (size_t)(dot - file)), *name;

    for (char *c = stem; c && *c; c++)
        if (*c == '_' || *c == '-')
            *c = ' ';
    name = stem ? phrase_plain(stem, strlen(stem)) : NULL;
    mem_free(stem);
    return name;
}

/* path of the picture -> path of the captions */
static char *captions_path(const char *picture)
{
    size_t stem = (size_t)(strrchr(picture, '.') - picture);
    char *path = mem_alloc(stem + sizeof ".txt", 1);

    if (path) {
        memcpy(path, picture, stem);
        memcpy(path + stem, ".txt", sizeof ".txt");
    }
    return path;
}

static int split_captions(const char *text, struct dataset_item *item, struct err *e)
{
    struct phrases lines = { 0 };
    int rc = phrases_add_split(&lines, text, '\n', NULL, DATASET_KEYWORDS_MAX);

    item->captions = lines.list; /* the item's from here, also after a failure */
    item->n_captions = lines.n;
    return rc ? err_set(e, ERR_NOMEM, "captions: out of memory") : 0;
}

/* No file: no captions. */
static int load_captions(const char *picture, struct dataset_item *item, struct err *e)
{
    char *path = captions_path(picture);
    struct buf text;
    int rc = 0;

    if (!path)
        return err_set(e, ERR_NOMEM, "out of memory");
    buf_init(&text, CAPTIONS_BYTES_MAX);
    if (file_exists(path)) {
        rc = file_read(path, CAPTIONS_BYTES_MAX, &text, e);
        if (!rc)
            rc = split_captions(text.len ? text.data : "", item, e);
    }
    buf_release(&text);
    mem_free(path);
    return rc;
}

static int describe(const char *file, struct dataset_item *item, struct err *e)
{
    item->key = mem_strdup(file);
    item->name = name_of(file);
    item->group = mem_strdup("");
    item->subgroup = mem_strdup("");
    item->source = mem_strdup(file);
    item->flippable = true;
    if (!item->key || !item->name || !item->group || !item->subgroup || !item->source)
        return err_set(e, ERR_NOMEM, "out of memory");
    return 0;
}

/* --- the folder --- */

static int add_picture(const char *path, const char *file, int side_max, struct dataset_out *out,
                       struct err *e)
{
    struct dataset_item item = { 0 };
    int rc = -1;

    if (!describe(file, &item, e) && !load_captions(path, &item, e) &&
        !load_picture(path, &item.image, e) && !flatten(&item.image, e) &&
        !shrink(&item.image, side_max, e))
        rc = dataset_out_add(out, &item, e);
    image_release(&item.image);
    dataset_item_release(&item);
    return rc;
}

/* Pictures that cannot be used are left out, but the machine's own troubles end the work. */
static bool is_the_pictures_fault(const struct err *e)
{
    return e->code == ERR_FORMAT || e->code == ERR_INVALID || e->code == ERR_TOO_LARGE ||
           e->code == ERR_UNSUPPORTED;
}

static int add_file(const char *in_dir, const char *file, int side_max, struct dataset_out *out,
                    struct err *e)
{
    char *path = file_join(in_dir, file);
    struct err why = { 0 };
    int rc;

    if (!path)
        return err_set(e, ERR_NOMEM, "out of memory");
    rc = add_picture(path, file, side_max, out, &why);
    mem_free(path);
    if (!rc)
        return 0;
    if (!is_the_pictures_fault(&why))
        return err_set(e, why.code, "%s: %s", file, why.msg);
    log_warn("data: %s left out: %s", file, why.msg);
    return 0;
}

static int add_files(const char *in_dir, int side_max, struct dataset_out *out, struct err *e)
{
    char **names;
    size_t n;
    int rc = 0;

    if (file_list(in_dir, FILES_MAX, &names, &n, e))
        return -1;
    for (size_t i = 0; i < n && !rc; i++)
        if (is_picture(names[i]))
            rc = add_file(in_dir, names[i], side_max, out, e);
    file_list_free(names, n);
    return rc;
}

int data_build_folder(const char *in_dir, const char *out_dir, int side_max, struct err *e)
{
    const struct dataset_source source = { "", "", in_dir, "the owner's" };
    struct dataset_out *out;
    int rc;

    if (side_max < 1 || side_max > DATASET_SIDE_MAX)
        return err_set(e, ERR_INVALID, "side_max: %d is outside 1..%d", side_max, DATASET_SIDE_MAX);
    if (dataset_out_open(out_dir, DATASET_FOLDER, &source, 1, &out, e))
        return -1;
    rc = add_files(in_dir, side_max, out, e);
    if (!rc)
        rc = dataset_out_commit(out, e);
    dataset_out_close(out);
    return rc ? err_prefix(e, "%s: ", in_dir) : 0;
}
