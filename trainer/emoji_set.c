#include "trainer/emoji_set.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/unicode.h"
#include "trainer/cldr.h"
#include "trainer/emoji_test.h"
#include "trainer/phrases.h"

enum { FILE_MAX = 16 << 20, EMOJI_MAX = 20000, UTF8_MAX = 4 * EMOJI_FONT_SEQUENCE_MAX + 1 };

/* A line with the group and subgroup it stands in: what the rules look at. */
struct candidate {
    const char *group, *subgroup;
    struct emoji_line line;
};

/* --- which emoji are left out --- */

static bool is_skin_tone(const struct candidate *c)
{
    for (int i = 0; i < c->line.n_code_points; i++)
        if (c->line.code_points[i] >= 0x1f3fb && c->line.code_points[i] <= 0x1f3ff)
            return true;
    return false;
}

static bool is_flag_or_component(const struct candidate *c)
{
    return strcmp(c->group, "Flags") == 0 || strcmp(c->group, "Component") == 0;
}

/* Of the symbols only "red circle", "blue square" and so on stay: they teach colours. */
static bool is_sign(const struct candidate *c)
{
    return strcmp(c->group, "Symbols") == 0 && strcmp(c->subgroup, "geometric") != 0;
}

static bool is_clock_face(const struct candidate *c)
{
    return strcmp(c->subgroup, "time") == 0 && (strstr(c->line.name, "o\xe2\x80\x99"
                                                                     "clock") ||
                                                strstr(c->line.name, "-thirty"));
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool starts_with_word(const char *name, const char *word)
{
    size_t n = strlen(word);

    return strncmp(name, word, n) == 0 && !is_letter(name[n]);
}

/* People of one sex repeat the neutral ones; families and symbols of persons look alike. */
static bool is_gendered_or_family(const struct candidate *c)
{
    static const char *const GENDERED[] = { "man", "woman", "men", "women" };

    if (strcmp(c->group, "People & Body") != 0)
        return false;
    for (size_t i = 0; i < sizeof GENDERED / sizeof *GENDERED; i++)
        if (starts_with_word(c->line.name, GENDERED[i]))
            return true;
    return strcmp(c->subgroup, "family") == 0 || strcmp(c->subgroup, "person-symbol") == 0;
}

static bool is_left_out(const struct candidate *c)
{
    return is_skin_tone(c) || is_flag_or_component(c) || is_sign(c) || is_clock_face(c) ||
           is_gendered_or_family(c);
}

/* --- what may be mirrored --- */

/* Words in the names of pictures that show writing, a direction, a dial, a map or a phase. */
static const char *const NOT_MIRRORED[] = {
    "arrow",       "left",     "leftwards",      "right",     "rightwards", "waxing",  "waning",
    "quarter",     "clock",    "watch",          "stopwatch", "crescent",   "globe",   "map",
    "compass",     "calendar", "bank",           "banknote",  "money",      "chart",   "medal",
    "convenience", "ticket",   "tickets",        "pool",      "mahjong",    "hundred", "zzz",
    "symbols",     "envelope", "slot",           "pager",     "score",      "note",    "notes",
    "newspaper",   "e-mail",   "identification", "bus stop",  "credit",
};

static bool has_word(const char *name, const char *word)
{
    for (const char *at = strstr(name, word); at; at = strstr(at + 1, word))
        if ((at == name || !is_letter(at[-1])) && !is_letter(at[strlen(word)]))
            return true;
    return false;
}

static bool may_be_mirrored(const char *name)
{
    for (size_t i = 0; i < sizeof NOT_MIRRORED / sizeof *NOT_MIRRORED; i++)
        if (has_word(name, NOT_MIRRORED[i]))
            return false;
    return true;
}

/* --- names --- */

static int out_of_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for the list of emoji");
}

/* "u1f353.png", "u2764_fe0f_200d_1f525.png" */
static char *make_key(const struct emoji *emoji)
{
    char key[16 * EMOJI_FONT_SEQUENCE_MAX] = "u";
    size_t n = 1;

    for (int i = 0; i < emoji->n_code_points; i++)
        n += (size_t)snprintf(key + n, sizeof key - n, "%s%x", i ? "_" : "",
                              (unsigned)emoji->code_points[i]);
    snprintf(key + n, sizeof key - n, ".png");
    return mem_strdup(key);
}

/* CLDR's form: without U+FE0F. */
static void make_utf8(const struct emoji *emoji, char ret[UTF8_MAX])
{
    for (int i = 0; i < emoji->n_code_points; i++)
        if (emoji->code_points[i] != 0xfe0f)
            ret += unicode_encode(emoji->code_points[i], ret);
    *ret = '\0';
}

static int add_keywords(const struct cldr *cldr, struct emoji *emoji, struct err *e)
{
    struct dataset_item *item = &emoji->item;
    struct phrases found = { 0 };
    char utf8[UTF8_MAX];
    const char *keywords;
    int rc;

    make_utf8(emoji, utf8);
    keywords = cldr_keywords(cldr, utf8);
    if (!keywords)
        return 0;
    rc = phrases_add_split(&found, keywords, '|', item->name, DATASET_KEYWORDS_MAX);
    item->keywords = found.list; /* the item's from here, also after a failure */
    item->n_keywords = found.n;
    return rc ? out_of_memory(e) : 0;
}

static int describe(const struct candidate *c, const struct cldr *cldr, struct emoji *emoji,
                    struct err *e)
{
    struct dataset_item *item = &emoji->item;

    memcpy(emoji->code_points, c->line.code_points, sizeof emoji->code_points);
    emoji->n_code_points = c->line.n_code_points;
    item->key = make_key(emoji);
    item->name = phrase_plain(c->line.name, strlen(c->line.name));
    item->group = mem_strdup(c->group);
    item->subgroup = mem_strdup(c->subgroup);
    if (!item->key || !item->name || !item->group || !item->subgroup)
        return out_of_memory(e);
    item->flippable = may_be_mirrored(item->name);
    return add_keywords(cldr, emoji, e);
}

/* --- the set --- */

/* A new emoji at the end, empty. */
static struct emoji *append(struct emoji_set *set)
{
    struct emoji *emoji =
        set->n < EMOJI_MAX ? mem_grow(set->emoji, (size_t)set->n, &set->cap, sizeof *emoji) : NULL;

    if (!emoji)
        return NULL;
    set->emoji = emoji;
    emoji = &set->emoji[set->n++];
    memset(emoji, 0, sizeof *emoji);
    return emoji;
}

static int collect(const char *text, const struct cldr *cldr, struct emoji_set *set, struct err *e)
{
    struct emoji_test test = { .next = text };
    struct candidate c = { test.group, test.subgroup, { .n_code_points = 0 } };
    struct emoji *emoji;
    int rc;

    while ((rc = emoji_test_next(&test, &c.line, e)) > 0) {
        if (is_left_out(&c))
            continue;
        emoji = append(set);
        if (!emoji)
            return out_of_memory(e);
        if (describe(&c, cldr, emoji, e))
            return -1;
    }
    return rc;
}

static int read_with_keywords(const char *emoji_test, const struct cldr *cldr,
                              struct emoji_set *set, struct err *e)
{
    struct buf text;
    int rc;

    buf_init(&text, FILE_MAX);
    rc = file_read(emoji_test, FILE_MAX, &text, e);
    if (!rc && collect(text.len ? text.data : "", cldr, set, e))
        rc = err_prefix(e, "%s: ", emoji_test);
    buf_release(&text);
    return rc;
}

int emoji_set_read(const char *emoji_test, const char *cldr_dir, struct emoji_set *ret_set,
                   struct err *e)
{
    struct emoji_set set = { 0 };
    struct cldr *cldr;
    int rc;

    if (cldr_open(cldr_dir, &cldr, e))
        return -1;
    rc = read_with_keywords(emoji_test, cldr, &set, e);
    cldr_close(cldr);
    if (rc)
        emoji_set_release(&set);
    else
        *ret_set = set;
    return rc;
}

void emoji_set_release(struct emoji_set *set)
{
    for (int i = 0; i < set->n; i++)
        dataset_item_release(&set->emoji[i].item);
    mem_free(set->emoji);
    *set = (struct emoji_set){ 0 };
}
