#include "trainer/data.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/png.h"
#include "trainer/dataset_out.h"
#include "trainer/debian.h"
#include "trainer/emoji_font.h"
#include "trainer/emoji_set.h"

enum { PIXELS_MAX = DATASET_SIDE_MAX * DATASET_SIDE_MAX };

/* --- where it comes from, and under which licence --- */

enum { FONT, EMOJI_TEST, CLDR, SOURCES };

static const char *const PACKAGES[SOURCES] = {
    [FONT] = "fonts-noto-color-emoji",
    [EMOJI_TEST] = "unicode-data",
    [CLDR] = "unicode-cldr-core",
};
static const char *const LICENCES[SOURCES] = {
    [FONT] = "OFL-1.1",
    [EMOJI_TEST] = "Unicode-DFS-2016",
    [CLDR] = "Unicode-DFS-2016",
};

struct sources {
    char version[SOURCES][DEBIAN_VERSION_MAX];
    struct dataset_source list[SOURCES];
};

static void find_sources(const char *const paths[SOURCES], struct sources *s)
{
    for (int i = 0; i < SOURCES; i++) {
        debian_version(PACKAGES[i], s->version[i]);
        s->list[i] = (struct dataset_source){ PACKAGES[i], s->version[i], paths[i], LICENCES[i] };
    }
}

static int write_licences(const char *dir, const struct sources *s, struct err *e)
{
    char *path = file_join(dir, "LICENSES");
    struct buf text;
    int rc;

    if (!path)
        return err_set(e, ERR_NOMEM, "%s: out of memory", dir);
    buf_init(&text, 16 << 20);
    buf_puts(&text, "The pictures and words of this data set are made from these files.\n\n");
    for (int i = 0; i < SOURCES; i++)
        buf_printf(&text, "%s\n    Debian package %s, version %s, licence %s\n", s->list[i].file,
                   s->list[i].package, s->list[i].version, s->list[i].licence);
    for (int i = 0; i < SOURCES; i++)
        debian_copyright(s->list[i].package, &text);
    rc = buf_check(&text, e);
    if (!rc)
        rc = file_write(path, text.data, text.len, e);
    buf_release(&text);
    mem_free(path);
    return rc;
}

/* --- the pictures --- */

/* Any PNG -> RGBA. */
static int decode_rgba(const uint8_t *png, size_t n, struct image *ret_img, struct err *e)
{
    if (png_decode(png, n, PIXELS_MAX, ret_img, e))
        return -1;
    if (ret_img->channels == 4)
        return 0;
    image_release(ret_img);
    return err_set(e, ERR_FORMAT, "the picture has no transparent surroundings");
}

static int draw(const struct emoji_font *font, struct emoji *emoji, struct err *e)
{
    struct dataset_item *item = &emoji->item;
    const uint8_t *png;
    uint16_t glyph;
    size_t n;
    char source[64];

    if (emoji_font_glyph(font, emoji->code_points, emoji->n_code_points, &glyph, e) ||
        emoji_font_png(font, glyph, &png, &n, e))
        return -1;
    snprintf(source, sizeof source, "%s: glyph %u", PACKAGES[FONT], glyph);
    item->source = mem_strdup(source);
    if (!item->source)
        return err_set(e, ERR_NOMEM, "out of memory");
    return decode_rgba(png, n, &item->image, e);
}

static int add_all(const struct emoji_font *font, struct emoji_set *set, struct dataset_out *out,
                   struct err *e)
{
    for (int i = 0; i < set->n; i++) {
        struct dataset_item *item = &set->emoji[i].item;
        int rc = draw(font, &set->emoji[i], e);
        if (!rc)
            rc = dataset_out_add(out, item, e);
        image_release(&item->image);
        if (rc)
            return err_prefix(e, "%s (%s): ", item->name, item->key);
    }
    return 0;
}

static int write_set(const struct emoji_font *font, struct emoji_set *set,
                     const struct sources *sources, const char *dir, struct err *e)
{
    struct dataset_out *out;
    int rc;

    if (dataset_out_open(dir, DATASET_EMOJI, sources->list, SOURCES, &out, e))
        return -1;
    rc = add_all(font, set, out, e);
    if (!rc)
        rc = write_licences(dir, sources, e);
    if (!rc)
        rc = dataset_out_commit(out, e);
    dataset_out_close(out);
    return rc;
}

/* A missing file of ours is a missing package: say which. */
static int check_files(const char *const paths[SOURCES], struct err *e)
{
    for (int i = 0; i < SOURCES; i++)
        if (!file_exists(paths[i]))
            return err_set(e, ERR_NOT_FOUND, "%s is missing: install Debian's package %s", paths[i],
                           PACKAGES[i]);
    return 0;
}

int data_build_emoji(const char *font_path, const char *emoji_test, const char *cldr_dir,
                     const char *out_dir, struct err *e)
{
    const char *const paths[SOURCES] = {
        [FONT] = font_path ? font_path : DATA_EMOJI_FONT,
        [EMOJI_TEST] = emoji_test ? emoji_test : DATA_EMOJI_TEST,
        [CLDR] = cldr_dir ? cldr_dir : DATA_CLDR_DIR,
    };
    struct sources sources;
    struct emoji_set set;
    struct emoji_font font;
    int rc = -1;

    if (check_files(paths, e) || emoji_set_read(paths[EMOJI_TEST], paths[CLDR], &set, e))
        return -1;
    find_sources(paths, &sources);
    if (!emoji_font_open(paths[FONT], &font, e)) {
        rc = write_set(&font, &set, &sources, out_dir, e);
        emoji_font_close(&font);
    }
    emoji_set_release(&set);
    return rc;
}
