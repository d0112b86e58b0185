/*
 * Learning merges (Sennrich et al., arXiv 1508.07909): count how often every pair of neighbouring
 * tokens stands in the words of a text, merge the most frequent pair everywhere, repeat.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/bpe.h"
#include "model/pair_map.h"
#include "model/tokenizer.h"
#include "model/words.h"

#define CLEAN_MAX ((size_t)1 << 30)
#define HEADER "#version: clipgen\n"

/* A different word of the text, as tokens. */
struct entry {
    int32_t *token;
    size_t n;
    int64_t count; /* how often it stands in the text */
};

struct learner {
    struct buf clean;  /* the whole text, cleaned, a space behind every line */
    struct word *word; /* [n_words] every word of it, sorted */
    size_t n_words, words_cap;
    struct entry *entry;
    size_t n_entries;
    int32_t *tokens; /* of all entries */
    struct pair_map count;
    char **text; /* [texts_cap] of every token, as the merges file writes it */
    int n_tokens, texts_cap;
};

/* ---- the words of a text ---- */

static int clean_lines(struct learner *l, const char *text, size_t n, struct err *e)
{
    const char *end = text + n;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t line = newline ? (size_t)(newline - text) : (size_t)(end - text);
        if (words_clean(text, line, &l->clean, e))
            return -1;
        buf_puts(&l->clean, " ");
        text += line + (newline != NULL);
    }
    return buf_check(&l->clean, e);
}

static int push_word(struct learner *l, const struct word *w, struct err *e)
{
    struct word *words = mem_grow(l->word, l->n_words, &l->words_cap, sizeof *words);

    if (!words)
        return err_set(e, ERR_NOMEM, "no memory for more than %zu words", l->n_words);
    l->word = words;
    l->word[l->n_words++] = *w;
    return 0;
}

static int compare_words(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);

    return order ? order : (x->n > y->n) - (x->n < y->n);
}

static int split_words(struct learner *l, struct err *e)
{
    const char *s = l->clean.data, *end = s + l->clean.len;
    struct word w;

    while (words_next(&s, end, &w))
        if (w.kind == WORD_PLAIN && push_word(l, &w, e))
            return -1;
    if (l->n_words)
        qsort(l->word, l->n_words, sizeof *l->word, compare_words);
    return 0;
}

static void spell(struct entry *entry, const struct word *w)
{
    for (size_t i = 0; i < w->n; i++)
        entry->token[i] = bpe_byte_id((unsigned char)w->text[i]);
    entry->token[w->n - 1] += BPE_BYTES;
}

/* One entry for every different word. */
static int make_entries(struct learner *l, struct err *e)
{
    int32_t *token;

    l->entry = mem_alloc(l->n_words, sizeof *l->entry);
    l->tokens = token = mem_alloc(l->clean.len, sizeof *l->tokens);
    if (!l->entry || !l->tokens)
        return err_set(e, ERR_NOMEM, "no memory for %zu words", l->n_words);
    for (size_t i = 0; i < l->n_words; i++) {
        const struct word *w = &l->word[i];
        if (i == 0 || compare_words(w, w - 1)) {
            l->entry[l->n_entries] = (struct entry){ token, w->n, 0 };
            spell(&l->entry[l->n_entries++], w);
            token += w->n;
        }
        l->entry[l->n_entries - 1].count++;
    }
    return 0;
}

/* ---- pairs ---- */

/* Adds sign * the entry's count to every pair in it. */
static int count_pairs(struct learner *l, const struct entry *entry, int sign, struct err *e)
{
    for (size_t i = 0; i + 1 < entry->n; i++) {
        struct pair *p = pair_map_at(&l->count, entry->token[i], entry->token[i + 1], e);
        if (!p)
            return -1;
        p->value += sign * entry->count;
    }
    return 0;
}

/* The more frequent pair, and of two equal ones the one whose text comes first. */
static bool better(const struct learner *l, const struct pair *a, const struct pair *b)
{
    int order;

    if (a->value != b->value)
        return a->value > b->value;
    order = strcmp(l->text[a->left], l->text[b->left]);
    return order ? order < 0 : strcmp(l->text[a->right], l->text[b->right]) < 0;
}

/* NULL when no pair stands twice. */
static const struct pair *best_pair(const struct learner *l)
{
    const struct pair *best = NULL;

    for (size_t i = 0; i < l->count.cap; i++) {
        const struct pair *p = &l->count.slot[i];
        if (p->left >= 0 && p->value > 1 && (!best || better(l, p, best)))
            best = p;
    }
    return best;
}

static bool has_pair(const struct entry *entry, const struct pair *p)
{
    for (size_t i = 0; i + 1 < entry->n; i++)
        if (entry->token[i] == p->left && entry->token[i + 1] == p->right)
            return true;
    return false;
}

static void merge_pair(struct entry *entry, const struct pair *p, int32_t merged)
{
    size_t to = 0;

    for (size_t i = 0; i < entry->n; to++) {
        bool here =
            i + 1 < entry->n && entry->token[i] == p->left && entry->token[i + 1] == p->right;
        entry->token[to] = here ? merged : entry->token[i];
        i += here ? 2 : 1;
    }
    entry->n = to;
}

/* Merges the pair in every word, and keeps the counts true. */
static int apply(struct learner *l, struct pair p, int32_t merged, struct err *e)
{
    for (size_t i = 0; i < l->n_entries; i++) {
        struct entry *entry = &l->entry[i];
        if (!has_pair(entry, &p))
            continue;
        if (count_pairs(l, entry, -1, e))
            return -1;
        merge_pair(entry, &p, merged);
        if (count_pairs(l, entry, 1, e))
            return -1;
    }
    return 0;
}

/* ---- texts of tokens ---- */

static int add_text(struct learner *l, int32_t id, const char *a, const char *b, struct err *e)
{
    size_t n = strlen(a), k = strlen(b);
    char *text = mem_alloc(n + k + 1, 1);

    if (!text)
        return err_set(e, ERR_NOMEM, "no memory for a token of %zu bytes", n + k);
    memcpy(text, a, n);
    memcpy(text + n, b, k);
    l->text[id] = text;
    return 0;
}

static int add_byte_texts(struct learner *l, struct err *e)
{
    for (int i = 0; i < BPE_BYTES; i++) {
        int32_t id = bpe_byte_id((unsigned char)i);
        struct buf text;
        int rc;
        buf_init(&text, 16);
        bpe_byte_text((unsigned char)i, &text);
        rc = buf_check(&text, e) || add_text(l, id, text.data, "", e) ||
             add_text(l, id + BPE_BYTES, text.data, BPE_WORD_END, e);
        buf_release(&text);
        if (rc)
            return -1;
    }
    l->n_tokens = BPE_FIRST_MERGE;
    return 0;
}

/* ---- */

static int learn(struct learner *l, int merges, struct buf *out, struct err *e)
{
    buf_puts(out, HEADER);
    for (size_t i = 0; i < l->n_entries; i++)
        if (count_pairs(l, &l->entry[i], 1, e))
            return -1;
    while (l->n_tokens < BPE_FIRST_MERGE + merges) {
        const struct pair *best = best_pair(l);
        if (!best)
            break;
        const char *left = l->text[best->left], *right = l->text[best->right];
        buf_printf(out, "%s %s\n", left, right);
        if (add_text(l, l->n_tokens, left, right, e) || apply(l, *best, l->n_tokens, e))
            return -1;
        l->n_tokens++;
    }
    return buf_check(out, e);
}

static int learner_init(struct learner *l, int merges, struct err *e)
{
    *l = (struct learner){ .texts_cap = BPE_FIRST_MERGE + merges };
    buf_init(&l->clean, CLEAN_MAX);
    l->text = mem_alloc((size_t)l->texts_cap, sizeof *l->text);
    if (!l->text)
        return err_set(e, ERR_NOMEM, "no memory for %d merges", merges);
    return pair_map_init(&l->count, 1 << 16, e) || add_byte_texts(l, e) ? -1 : 0;
}

static void learner_release(struct learner *l)
{
    buf_release(&l->clean);
    mem_free(l->word);
    mem_free(l->entry);
    mem_free(l->tokens);
    pair_map_release(&l->count);
    for (int i = 0; l->text && i < l->texts_cap; i++)
        mem_free(l->text[i]);
    mem_free(l->text);
}

int tokenizer_learn(const char *text, size_t n, int merges, struct buf *out, struct err *e)
{
    struct learner l;
    int rc;

    if (merges < 0 || merges > TOKENIZER_MERGES_MAX)
        return err_set(e, ERR_INVALID, "%d merges are outside 0..%d", merges, TOKENIZER_MERGES_MAX);
    rc = learner_init(&l, merges, e) || clean_lines(&l, text, n, e) || split_words(&l, e) ||
                 make_entries(&l, e) || learn(&l, merges, out, e)
             ? -1
             : 0;
    learner_release(&l);
    return rc;
}
