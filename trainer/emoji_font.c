/*
 * OpenType as Microsoft's specification has it; names of fields are the specification's. All
 * offsets count from the start of the structure that holds them.
 *
 * A walk reads one table. The first read outside the table breaks it, and every later read gives 0:
 * functions look things up without error branches, and the public ones ask the walk once at the
 * end. A walk also has a limited number of reads, because nested counts of a hostile file multiply.
 */
#include "trainer/emoji_font.h"

#include <stdbool.h>
#include <string.h>

enum {
    FILE_MAX = 256 << 20,
    READS_MAX = 1 << 22, /* the costliest sequence of Noto 2.042 takes some 80,000 */
    VARIATION_SELECTOR_16 = 0xfe0f,
    NO_GLYPH = 0,
    INDEX_FORMAT = 1,  /* of CBLC: an array of 32-bit offsets */
    IMAGE_FORMAT = 17, /* of CBDT: 5 bytes of small metrics, the length, the PNG */
};

struct walk {
    const struct emoji_font_table *table;
    long reads_left;
    bool broken;
};

static struct walk walk_start(const struct emoji_font_table *table)
{
    return (struct walk){ table, READS_MAX, false };
}

static int walk_check(const struct walk *w, const char *name, struct err *e)
{
    if (!w->broken)
        return 0;
    return err_set(e, ERR_FORMAT, "font: table %s (%zu bytes) %s", name, w->table->size,
                   w->reads_left > 0 ? "refers to bytes outside itself" : "takes too many steps");
}

/* n bytes at `at`, or NULL */
static const uint8_t *bytes(struct walk *w, size_t at, size_t n)
{
    if (w->broken || at > w->table->size || n > w->table->size - at || --w->reads_left <= 0)
        w->broken = true;
    return w->broken ? NULL : w->table->data + at;
}

static unsigned u16(struct walk *w, size_t at)
{
    const uint8_t *p = bytes(w, at, 2);

    return p ? (unsigned)p[0] << 8 | p[1] : 0;
}

static uint32_t u32(struct walk *w, size_t at)
{
    uint32_t high = u16(w, at);

    return high << 16 | u16(w, at + 2);
}

/* --- the table directory --- */

static int find_table(const struct emoji_font_table *file, const char *tag,
                      struct emoji_font_table *ret_table, struct err *e)
{
    struct walk w = walk_start(file);
    unsigned n_tables = u16(&w, 4);

    for (unsigned i = 0; i < n_tables && !w.broken; i++) {
        size_t record = 12 + 16 * (size_t)i, offset, length;
        const uint8_t *name = bytes(&w, record, 4);
        if (!name || memcmp(name, tag, 4) != 0)
            continue;
        offset = u32(&w, record + 8);
        length = u32(&w, record + 12);
        if (!bytes(&w, offset, length))
            return err_set(e, ERR_FORMAT, "font: table %s: %zu bytes at %zu of a file of %zu", tag,
                           length, offset, file->size);
        *ret_table = (struct emoji_font_table){ file->data + offset, length };
        return 0;
    }
    return err_set(e, ERR_UNSUPPORTED, "font: no %s table", tag);
}

static bool is_truetype(const struct emoji_font_table *file)
{
    static const uint8_t VERSION_1[4] = { 0, 1, 0, 0 };

    return file->size >= 12 && memcmp(file->data, VERSION_1, 4) == 0;
}

int emoji_font_parse(const uint8_t *data, size_t n, struct emoji_font *ret_font, struct err *e)
{
    const struct emoji_font_table file = { data, n };
    struct emoji_font f = { 0 };

    if (!is_truetype(&file))
        return err_set(e, ERR_FORMAT, "font: not a TrueType file");
    if (find_table(&file, "CBDT", &f.cbdt, e) || find_table(&file, "CBLC", &f.cblc, e))
        return err_prefix(e, "a font with PNG bitmaps is wanted, such as that of Debian 12's "
                             "package fonts-noto-color-emoji: ");
    if (find_table(&file, "cmap", &f.cmap, e) || find_table(&file, "GSUB", &f.gsub, e))
        return -1;
    *ret_font = f;
    return 0;
}

int emoji_font_open(const char *path, struct emoji_font *ret_font, struct err *e)
{
    struct file_map map;

    if (file_map_open(path, FILE_MAX, &map, e))
        return -1;
    if (emoji_font_parse(map.data, map.size, ret_font, e)) {
        file_map_close(&map);
        return err_prefix(e, "%s: ", path);
    }
    ret_font->map = map;
    return 0;
}

void emoji_font_close(struct emoji_font *f)
{
    file_map_close(&f->map);
    memset(f, 0, sizeof *f);
}

/* --- cmap: code point -> glyph --- */

/* Offset of the first subtable of format 12 (segmented coverage), 0 without one. */
static size_t cmap_format_12(struct walk *w)
{
    unsigned n_records = u16(w, 2);

    for (unsigned i = 0; i < n_records && !w->broken; i++) {
        size_t subtable = u32(w, 4 + 8 * (size_t)i + 4);
        if (u16(w, subtable) == 12)
            return subtable;
    }
    return 0;
}

/* Groups are ascending: binary search for the one that holds c. */
static unsigned cmap_find(struct walk *w, size_t subtable, uint32_t c)
{
    uint32_t low = 0, high = u32(w, subtable + 12);

    while (low < high && !w->broken) {
        uint32_t middle = low + (high - low) / 2;
        size_t group = subtable + 16 + 12 * (size_t)middle;
        uint32_t first = u32(w, group), last = u32(w, group + 4);
        if (c >= first && c <= last)
            return (u32(w, group + 8) + (c - first)) & 0xffff;
        if (c < first)
            high = middle;
        else
            low = middle + 1;
    }
    return NO_GLYPH;
}

/* Glyphs of a sequence without its variation selectors; *ret_n 0: one of them has no glyph. */
static int map_sequence(const struct emoji_font *f, const uint32_t *code_points, int n,
                        unsigned *ret_glyphs, int *ret_n, struct err *e)
{
    struct walk w = walk_start(&f->cmap);
    size_t subtable = cmap_format_12(&w);
    int n_glyphs = 0;

    if (!subtable && !w.broken)
        return err_set(e, ERR_UNSUPPORTED, "font: cmap has no subtable of format 12");
    for (int i = 0; i < n; i++) {
        if (code_points[i] == VARIATION_SELECTOR_16)
            continue;
        ret_glyphs[n_glyphs] = cmap_find(&w, subtable, code_points[i]);
        if (ret_glyphs[n_glyphs++] == NO_GLYPH) {
            n_glyphs = 0;
            break;
        }
    }
    *ret_n = n_glyphs;
    return walk_check(&w, "cmap", e);
}

/* --- GSUB: several glyphs -> one --- */

/* Index of a glyph in a coverage table, -1 if it is not covered. */
static int coverage_index(struct walk *w, size_t coverage, unsigned glyph)
{
    unsigned format = u16(w, coverage), count = u16(w, coverage + 2);

    for (unsigned i = 0; i < count && !w->broken; i++) {
        if (format == 1) {
            if (u16(w, coverage + 4 + 2 * (size_t)i) == glyph)
                return (int)i;
        } else if (format == 2) {
            size_t range = coverage + 4 + 6 * (size_t)i;
            unsigned first = u16(w, range);
            if (glyph >= first && glyph <= u16(w, range + 2))
                return (int)(u16(w, range + 4) + glyph - first);
        }
    }
    return -1;
}

static bool ligature_matches(struct walk *w, size_t ligature, const unsigned *glyphs, int n)
{
    if (u16(w, ligature + 2) != (unsigned)n)
        return false;
    for (int i = 1; i < n; i++)
        if (u16(w, ligature + 4 + 2 * (size_t)(i - 1)) != glyphs[i])
            return false;
    return !w->broken;
}

static unsigned find_in_subtable(struct walk *w, size_t subtable, const unsigned *glyphs, int n)
{
    int index = coverage_index(w, subtable + u16(w, subtable + 2), glyphs[0]);
    size_t set;
    unsigned n_ligatures;

    if (index < 0 || (unsigned)index >= u16(w, subtable + 4))
        return NO_GLYPH;
    set = subtable + u16(w, subtable + 6 + 2 * (size_t)index);
    n_ligatures = u16(w, set);
    for (unsigned i = 0; i < n_ligatures && !w->broken; i++) {
        size_t ligature = set + u16(w, set + 2 + 2 * (size_t)i);
        if (ligature_matches(w, ligature, glyphs, n))
            return u16(w, ligature);
    }
    return NO_GLYPH;
}

static unsigned find_in_lookup(struct walk *w, size_t lookup, const unsigned *glyphs, int n)
{
    enum { LIGATURE_SUBSTITUTION = 4 };
    unsigned n_subtables = u16(w, lookup + 4), glyph = NO_GLYPH;

    if (u16(w, lookup) != LIGATURE_SUBSTITUTION)
        return NO_GLYPH;
    for (unsigned i = 0; i < n_subtables && glyph == NO_GLYPH && !w->broken; i++)
        glyph = find_in_subtable(w, lookup + u16(w, lookup + 6 + 2 * (size_t)i), glyphs, n);
    return glyph;
}

static int find_ligature(const struct emoji_font *f, const unsigned *glyphs, int n,
                         unsigned *ret_glyph, struct err *e)
{
    struct walk w = walk_start(&f->gsub);
    size_t list = u16(&w, 8);
    unsigned n_lookups = u16(&w, list), glyph = NO_GLYPH;

    for (unsigned i = 0; i < n_lookups && glyph == NO_GLYPH && !w.broken; i++)
        glyph = find_in_lookup(&w, list + u16(&w, list + 2 + 2 * (size_t)i), glyphs, n);
    *ret_glyph = glyph;
    return walk_check(&w, "GSUB", e);
}

int emoji_font_glyph(const struct emoji_font *f, const uint32_t *code_points, int n,
                     uint16_t *ret_glyph, struct err *e)
{
    unsigned glyphs[EMOJI_FONT_SEQUENCE_MAX], glyph = NO_GLYPH;
    int n_glyphs = 0;

    if (n < 1 || n > EMOJI_FONT_SEQUENCE_MAX)
        return err_set(e, ERR_INVALID, "font: a sequence of %d code points is outside 1..%d", n,
                       EMOJI_FONT_SEQUENCE_MAX);
    if (map_sequence(f, code_points, n, glyphs, &n_glyphs, e))
        return -1;
    if (n_glyphs == 1)
        glyph = glyphs[0];
    else if (n_glyphs > 1 && find_ligature(f, glyphs, n_glyphs, &glyph, e))
        return -1;
    if (glyph == NO_GLYPH)
        return err_set(e, ERR_NOT_FOUND, "font: no glyph for the sequence that starts U+%04X",
                       (unsigned)code_points[0]);
    *ret_glyph = (uint16_t)glyph;
    return 0;
}

/* --- CBLC, CBDT: glyph -> PNG --- */

/* Where CBDT holds a glyph; all 0: nowhere. */
struct location {
    unsigned index_format, image_format;
    size_t offset, size;
};

/* `sub` is an IndexSubTable of glyphs that start at `first`. */
static struct location locate_in_subtable(struct walk *w, size_t sub, unsigned first,
                                          unsigned glyph)
{
    struct location at = { u16(w, sub), u16(w, sub + 2), u32(w, sub + 4), 0 };
    size_t entry = sub + 8 + 4 * (size_t)(glyph - first);

    if (at.index_format == INDEX_FORMAT) {
        uint32_t start = u32(w, entry), end = u32(w, entry + 4);
        at.offset += start;
        at.size = end > start ? end - start : 0;
    }
    return at;
}

/* The first strike: Noto has one. */
static struct location locate(struct walk *w, unsigned glyph)
{
    struct location none = { 0 };
    uint32_t n_strikes = u32(w, 4);
    size_t array = u32(w, 8);
    uint32_t n_subtables = u32(w, 8 + 8);

    for (uint32_t i = 0; i < n_subtables && n_strikes && !w->broken; i++) {
        size_t record = array + 8 * (size_t)i;
        unsigned first = u16(w, record);
        if (glyph >= first && glyph <= u16(w, record + 2))
            return locate_in_subtable(w, array + u32(w, record + 4), first, glyph);
    }
    return none;
}

static int read_picture(const struct emoji_font *f, const struct location *at,
                        const uint8_t **ret_png, size_t *ret_n, struct err *e)
{
    enum { METRICS = 5, HEADER = METRICS + 4 };
    struct walk w = walk_start(&f->cbdt);
    uint32_t n = u32(&w, at->offset + METRICS);
    const uint8_t *png = bytes(&w, at->offset + HEADER, n);

    if (walk_check(&w, "CBDT", e))
        return -1;
    if (n > at->size || at->size - n < HEADER)
        return err_set(e, ERR_FORMAT, "font: CBDT: a picture of %u bytes in a place of %zu",
                       (unsigned)n, at->size);
    *ret_png = png;
    *ret_n = n;
    return 0;
}

int emoji_font_png(const struct emoji_font *f, uint16_t glyph, const uint8_t **ret_png,
                   size_t *ret_n, struct err *e)
{
    struct walk w = walk_start(&f->cblc);
    struct location at = locate(&w, glyph);

    if (walk_check(&w, "CBLC", e))
        return -1;
    if (at.index_format == 0)
        return err_set(e, ERR_NOT_FOUND, "font: no bitmap for glyph %u", glyph);
    if (at.index_format != INDEX_FORMAT || at.image_format != IMAGE_FORMAT)
        return err_set(e, ERR_UNSUPPORTED,
                       "font: glyph %u: index format %u, image format %u; only %d and %d are read",
                       glyph, at.index_format, at.image_format, INDEX_FORMAT, IMAGE_FORMAT);
    return read_picture(f, &at, ret_png, ret_n, e);
}
