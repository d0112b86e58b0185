/*
 * Merges name tokens by their text, so every token's text is kept in a hash table while a file is
 * read. A merge may only join tokens that exist by then: so an earlier merge always goes first.
 */
#include "model/vocabulary.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

#define POOL_MAX ((size_t)64 << 20)

struct token {
    size_t at, n; /* its text in the pool */
    bool ends;    /* at the end of a word */
};

struct parser {
    struct bpe *bpe;
    struct buf pool;
    struct token *token; /* by id */
    int32_t *slot;       /* hash table of ids; -1: empty */
    size_t cap;          /* of slot, a power of two */
};

struct span {
    const char *s;
    size_t n;
};

/* ---- texts ---- */

/* FNV-1a. */
static size_t hash(struct span t)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < t.n; i++)
        h = (h ^ (unsigned char)t.s[i]) * 0x100000001b3u;
    return (size_t)h;
}

/* The slot with the token of this text, or the empty one where it belongs. */
static int32_t *probe(const struct parser *p, struct span text)
{
    size_t i = hash(text) & (p->cap - 1);

    for (; p->slot[i] >= 0; i = (i + 1) & (p->cap - 1)) {
        const struct token *t = &p->token[p->slot[i]];
        if (t->n == text.n && !memcmp(p->pool.data + t->at, text.s, text.n))
            break;
    }
    return &p->slot[i];
}

/* Token `id` is the pool's text from `at` to its end. */
static int add_token(struct parser *p, int32_t id, size_t at, bool ends, struct err *e)
{
    struct span text = { p->pool.data + at, p->pool.len - at };
    int32_t *slot;

    if (buf_check(&p->pool, e))
        return -1;
    slot = probe(p, text);
    if (*slot >= 0)
        return err_set(e, ERR_FORMAT, "token '%.*s' is made twice", (int)text.n, text.s);
    *slot = id;
    p->token[id] = (struct token){ at, text.n, ends };
    return 0;
}

static int add_bytes(struct parser *p, struct err *e)
{
    for (int i = 0; i < BPE_FIRST_MERGE; i++) {
        bool ends = i >= BPE_BYTES;
        size_t at = p->pool.len;
        bpe_byte_text((unsigned char)i, &p->pool);
        if (ends)
            buf_puts(&p->pool, BPE_WORD_END);
        if (add_token(p, bpe_byte_id((unsigned char)i) + (ends ? BPE_BYTES : 0), at, ends, e))
            return -1;
    }
    return 0;
}

/* ---- lines ---- */

static int find(const struct parser *p, struct span text, int32_t *ret_id, struct err *e)
{
    int32_t id = *probe(p, text);

    if (id < 0)
        return err_set(e, ERR_FORMAT, "'%.*s' is no token made before this line", (int)text.n,
                       text.s);
    *ret_id = id;
    return 0;
}

static int add_merge(struct parser *p, struct span left, struct span right, struct err *e)
{
    size_t at = p->pool.len;
    int32_t a = 0, b = 0;

    if (find(p, left, &a, e) || find(p, right, &b, e))
        return -1;
    if (p->token[a].ends)
        return err_set(e, ERR_FORMAT, "'%.*s' ends a word, so nothing can follow it", (int)left.n,
                       left.s);
    buf_append(&p->pool, left.s, left.n);
    buf_append(&p->pool, right.s, right.n);
    if (add_token(p, BPE_FIRST_MERGE + p->bpe->n, at, p->token[b].ends, e))
        return -1;
    return bpe_add(p->bpe, a, b, e);
}

static int parse_line(struct parser *p, struct span line, struct err *e)
{
    const char *space = memchr(line.s, ' ', line.n), *end = line.s + line.n;

    if (!space || space == line.s || space + 1 == end ||
        memchr(space + 1, ' ', (size_t)(end - space - 1)))
        return err_set(e, ERR_FORMAT, "'%.*s' is no pair of tokens with one space between",
                       (int)line.n, line.s);
    return add_merge(p, (struct span){ line.s, (size_t)(space - line.s) },
                     (struct span){ space + 1, (size_t)(end - space - 1) }, e);
}

/* Takes the next line off *rest, without its newline; false at the end of the text. */
static bool next_line(struct span *rest, struct span *ret_line)
{
    const char *newline = memchr(rest->s, '\n', rest->n);
    size_t n = newline ? (size_t)(newline - rest->s) : rest->n;

    if (rest->n == 0)
        return false;
    *ret_line = (struct span){ rest->s, n };
    rest->s += n + (newline != NULL);
    rest->n -= n + (newline != NULL);
    return true;
}

static int parse_lines(struct parser *p, const struct buf *text, struct err *e)
{
    struct span rest = { text->data, text->len }, line;

    if (!text->len || !next_line(&rest, &line))
        return err_set(e, ERR_FORMAT, "the header line is missing");
    while (p->bpe->n < p->bpe->cap && next_line(&rest, &line))
        if (parse_line(p, line, e))
            return err_prefix(e, "line %d: ", p->bpe->n + 2);
    return 0;
}

/* ---- */

static int parser_init(struct parser *p, struct bpe *bpe, struct err *e)
{
    size_t n = BPE_FIRST_MERGE + (size_t)bpe->cap;

    *p = (struct parser){ .bpe = bpe, .cap = 1 };
    buf_init(&p->pool, POOL_MAX);
    while (p->cap < 2 * n)
        p->cap *= 2;
    p->token = mem_alloc(n, sizeof *p->token);
    p->slot = mem_alloc(p->cap, sizeof *p->slot);
    if (!p->token || !p->slot)
        return err_set(e, ERR_NOMEM, "no memory for %zu tokens", n);
    for (size_t i = 0; i < p->cap; i++)
        p->slot[i] = -1;
    return 0;
}

static void parser_release(struct parser *p)
{
    buf_release(&p->pool);
    mem_free(p->token);
    mem_free(p->slot);
}

int vocabulary_parse(const struct buf *text, int merges_max, struct bpe *ret, struct err *e)
{
    struct parser p = { 0 };
    struct bpe bpe;
    int rc;

    if (bpe_init(&bpe, merges_max, e))
        return -1;
    rc = parser_init(&p, &bpe, e) || add_bytes(&p, e) || parse_lines(&p, text, e) ? -1 : 0;
    parser_release(&p);
    if (rc)
        bpe_release(&bpe);
    else
        *ret = bpe;
    return rc;
}
