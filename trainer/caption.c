/*
 * Templates are text with slots; a slot is a row of SLOTS that appends words.
 */
#include "trainer/caption.h"

#include <stdbool.h>
#include <string.h>

const struct caption_options caption_options_default = { .weight = { 1, 1, 3, 1, 0 } };

static const char *const TEMPLATES[CAPTION_TEMPLATES] = {
    [CAPTION_NAME] = "{name}",
    [CAPTION_PICTURE] = "a picture of {a name}",
    [CAPTION_BACKGROUND] = "{a name} on {a background} background",
    [CAPTION_KEYWORDS] = "{name}, {keywords}",
    [CAPTION_PARAPHRASE] = "{keyword}: {name} on {background}",
};
static const char PAIR[] = "{a name} next to {a second} on {a background} background";

/* What slots are filled with. */
struct words_of {
    const struct dataset_item *item, *second; /* second: NULL for one object */
    int background;
    const char *keyword[2]; /* NULL: the picture has no more */
};

/* --- articles --- */

static bool starts_with(const char *s, const char *start)
{
    return strncmp(s, start, strlen(start)) == 0;
}

static bool ends_with(const char *s, size_t n, const char *end)
{
    size_t n_end = strlen(end);

    return n >= n_end && memcmp(s + n - n_end, end, n_end) == 0;
}

/* Bytes of a name up to what only describes it: "cat" of "cat with tears of joy". */
static size_t head_length(const char *name)
{
    static const char *const AFTER[] = { " with ", " of ",  " in ",      " on ",     " and ",
                                         " over ", " for ", " holding ", " lifting " };
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof AFTER / sizeof *AFTER; i++) {
        const char *at = strstr(name, AFTER[i]);
        if (at && (size_t)(at - name) < n)
            n = (size_t)(at - name);
    }
    return n;
}

/* The head ends in s and is not one of the words that do so in the singular. */
static bool is_plural(const char *name)
{
    static const char *const SINGULAR[] = { "ss", "us", "tennis", "rhinoceros" };
    size_t n = head_length(name);

    if (starts_with(name, "people"))
        return true;
    for (size_t i = 0; i < sizeof SINGULAR / sizeof *SINGULAR; i++)
        if (ends_with(name, n, SINGULAR[i]))
            return false;
    return ends_with(name, n, "s");
}

/* By sound: the first letter decides, but for a few. */
static const char *article(const char *word)
{
    static const char *const VOWEL_SPOKEN[] = { "hour", "x-ray" };
    static const char *const CONSONANT_SPOKEN[] = { "uni", "euro", "ewe", "one" };

    for (size_t i = 0; i < sizeof VOWEL_SPOKEN / sizeof *VOWEL_SPOKEN; i++)
        if (starts_with(word, VOWEL_SPOKEN[i]))
            return "an ";
    for (size_t i = 0; i < sizeof CONSONANT_SPOKEN / sizeof *CONSONANT_SPOKEN; i++)
        if (starts_with(word, CONSONANT_SPOKEN[i]))
            return "a ";
    return *word && strchr("aeiou", *word) ? "an " : "a ";
}

static void put_with_article(struct buf *out, const char *name)
{
    if (!is_plural(name))
        buf_puts(out, article(name));
    buf_puts(out, name);
}

/* --- slots --- */

static const char *background_name(const struct words_of *w)
{
    return dataset_backgrounds[w->background].name;
}

static void put_name(const struct words_of *w, struct buf *out)
{
    buf_puts(out, w->item->name);
}

static void put_a_name(const struct words_of *w, struct buf *out)
{
    put_with_article(out, w->item->name);
}

static void put_a_second(const struct words_of *w, struct buf *out)
{
    put_with_article(out, w->second->name);
}

static void put_background(const struct words_of *w, struct buf *out)
{
    buf_puts(out, background_name(w));
}

static void put_a_background(const struct words_of *w, struct buf *out)
{
    put_with_article(out, background_name(w));
}

/* "food-fruit" in words: instead of keywords where there are none. */
static void put_subgroup(const struct words_of *w, struct buf *out)
{
    for (const char *c = w->item->subgroup; *c; c++)
        buf_append(out, *c == '-' ? " " : c, 1);
}

static void put_keyword(const struct words_of *w, struct buf *out)
{
    if (w->keyword[0])
        buf_puts(out, w->keyword[0]);
    else
        put_subgroup(w, out);
}

static void put_keywords(const struct words_of *w, struct buf *out)
{
    put_keyword(w, out);
    if (w->keyword[1])
        buf_printf(out, ", %s", w->keyword[1]);
}

static const struct slot {
    const char *name;
    void (*put)(const struct words_of *w, struct buf *out);
} SLOTS[] = {
    { "{name}", put_name },
    { "{a name}", put_a_name },
    { "{a second}", put_a_second },
    { "{background}", put_background },
    { "{a background}", put_a_background },
    { "{keyword}", put_keyword },
    { "{keywords}", put_keywords },
};

static const struct slot *find_slot(const char *at)
{
    for (size_t i = 0; i < sizeof SLOTS / sizeof *SLOTS; i++)
        if (starts_with(at, SLOTS[i].name))
            return &SLOTS[i];
    return NULL;
}

static void expand(const char *template, const struct words_of *w, struct buf *out)
{
    while (*template) {
        size_t plain = strcspn(template, "{");
        const struct slot *slot;
        buf_append(out, template, plain);
        template += plain;
        slot = find_slot(template);
        if (!slot)
            return;
        slot->put(w, out);
        template += strlen(slot->name);
    }
}

/* --- captions --- */

/* Two keywords, different ones where there are two. */
static void draw_keywords(struct words_of *w, struct rng *r)
{
    uint32_t n = (uint32_t)w->item->n_keywords, first = rng_below(r, n ? n : 1);

    if (n > 0)
        w->keyword[0] = w->item->keywords[first];
    if (n > 1)
        w->keyword[1] = w->item->keywords[(first + 1 + rng_below(r, n - 1)) % n];
}

static int draw_template(const struct caption_options *o, struct rng *r)
{
    double sum = 0, at;
    int drawn = CAPTION_NAME;

    for (int t = 0; t < CAPTION_TEMPLATES; t++)
        sum += o->weight[t];
    at = (double)rng_uniform(r) * sum;
    for (int t = 0; t < CAPTION_TEMPLATES && at >= 0; t++) {
        if (o->weight[t] > 0)
            drawn = t;
        at -= o->weight[t];
    }
    return drawn;
}

/* A folder's picture without captions is called by its name. */
static void put_own_caption(const struct dataset_item *item, uint32_t n, struct buf *out)
{
    buf_puts(out, item->n_captions ? item->captions[n] : item->name);
}

void caption_draw(const struct dataset *ds, const struct scene *s, const struct caption_options *o,
                  struct rng *r, struct buf *out)
{
    const struct dataset_item *item = &ds->item[s->object];
    struct words_of w = { .item = item, .background = s->background };

    if (ds->kind == DATASET_FOLDER) {
        put_own_caption(item, rng_below(r, item->n_captions ? (uint32_t)item->n_captions : 1), out);
    } else if (s->second >= 0) {
        w.second = &ds->item[s->second];
        expand(PAIR, &w, out);
    } else {
        draw_keywords(&w, r);
        expand(TEMPLATES[draw_template(o, r)], &w, out);
    }
}

void caption_prompt(const struct dataset *ds, int object, int background, struct buf *out)
{
    struct words_of w = { .item = &ds->item[object], .background = background };

    if (ds->kind == DATASET_FOLDER)
        put_own_caption(w.item, 0, out);
    else
        expand(background < 0 ? "{a name}" : TEMPLATES[CAPTION_BACKGROUND], &w, out);
}

static void put_line(const char *template, const struct words_of *w, struct buf *out)
{
    expand(template, w, out);
    buf_puts(out, "\n");
}

/* Every keyword, every background, and the other templates about as often as they are drawn. */
static void put_emoji_corpus(const struct dataset_item *item, const struct dataset_item *neighbour,
                             struct buf *out)
{
    struct words_of w = { .item = item, .second = neighbour };
    int n_lines = item->n_keywords ? item->n_keywords : 1;

    for (int k = 0; k < n_lines; k++) {
        w.keyword[0] = item->n_keywords ? item->keywords[k] : NULL;
        w.background = k % DATASET_BACKGROUNDS;
        put_line(TEMPLATES[CAPTION_NAME], &w, out);
        put_line(TEMPLATES[CAPTION_PICTURE], &w, out);
        put_line(TEMPLATES[CAPTION_KEYWORDS], &w, out);
        put_line(TEMPLATES[CAPTION_PARAPHRASE], &w, out);
    }
    for (w.background = 0; w.background < DATASET_BACKGROUNDS; w.background++)
        put_line(TEMPLATES[CAPTION_BACKGROUND], &w, out);
    w.background = 0;
    put_line(PAIR, &w, out);
}

static void put_folder_corpus(const struct dataset_item *item, struct buf *out)
{
    buf_puts(out, item->name);
    buf_puts(out, "\n");
    for (int i = 0; i < item->n_captions; i++) {
        buf_puts(out, item->captions[i]);
        buf_puts(out, "\n");
    }
}

void caption_corpus(const struct dataset *ds, struct buf *out)
{
    for (int i = 0; i < ds->n; i++)
        if (ds->kind == DATASET_EMOJI)
            put_emoji_corpus(&ds->item[i], &ds->item[(i + 1) % ds->n], out);
        else
            put_folder_corpus(&ds->item[i], out);
}
