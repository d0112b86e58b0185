#include "model/tokenizer.h"

#include <string.h>

#include "base/gzip.h"
#include "base/mem.h"
#include "model/bpe.h"
#include "model/vocabulary.h"
#include "model/words.h"

#define FILE_MAX ((size_t)16 << 20)

struct tokenizer {
    struct bpe bpe;
};

int tokenizer_open(const char *path, int merges_max, struct tokenizer **ret_tok, struct err *e)
{
    struct tokenizer *t = mem_alloc(1, sizeof *t);
    struct buf text;
    int rc = -1;

    if (!t)
        return err_set(e, ERR_NOMEM, "no memory for a tokenizer");
    buf_init(&text, FILE_MAX);
    if (merges_max < 0 || merges_max > TOKENIZER_MERGES_MAX)
        err_set(e, ERR_INVALID, "%d merges are outside 0..%d", merges_max, TOKENIZER_MERGES_MAX);
    else if (!gzip_read(path, FILE_MAX, &text, e))
        rc = vocabulary_parse(&text, merges_max, &t->bpe, e) ? err_prefix(e, "%s: ", path) : 0;
    buf_release(&text);
    if (rc)
        mem_free(t);
    else
        *ret_tok = t;
    return rc;
}

void tokenizer_close(struct tokenizer *t)
{
    if (!t)
        return;
    bpe_release(&t->bpe);
    mem_free(t);
}

int tokenizer_vocab(const struct tokenizer *t)
{
    return tokenizer_end(t) + 1;
}

int tokenizer_start(const struct tokenizer *t)
{
    return BPE_FIRST_MERGE + t->bpe.n;
}

int tokenizer_end(const struct tokenizer *t)
{
    return tokenizer_start(t) + 1;
}

/* ---- encoding ---- */

/* The ids of a text as they are found; those behind the context are only counted. */
struct ids {
    int32_t *id; /* [context] */
    int n, context;
};

static void put(struct ids *ids, int32_t id)
{
    if (ids->n < ids->context)
        ids->id[ids->n] = id;
    ids->n++;
}

static void put_word(const struct tokenizer *t, const struct word *w, struct bpe_scratch *s,
                     struct ids *ids)
{
    if (w->kind != WORD_PLAIN) {
        put(ids, w->kind == WORD_START ? tokenizer_start(t) : tokenizer_end(t));
        return;
    }
    bpe_word(&t->bpe, w->text, w->n, s);
    for (size_t i = 0; i < w->n; i = (size_t)s->next[i])
        put(ids, s->id[i]);
}

static int put_text(const struct tokenizer *t, const struct buf *text, struct ids *ids,
                    struct err *e)
{
    const char *s = text->data ? text->data : "", *end = s + text->len; /* NULL while empty */
    struct bpe_scratch scratch;
    struct word w;

    if (bpe_scratch_init(&scratch, text->len, e))
        return -1;
    while (words_next(&s, end, &w))
        put_word(t, &w, &scratch, ids);
    bpe_scratch_release(&scratch);
    return 0;
}

/* Puts the end where the text was cut, zeros where it was short, and looks where the end is: the
 * first one, as CLIP does (a text may hold the word itself). */
static void finish(struct ids *ids, int32_t end, struct tokenizer_result *ret)
{
    ret->length = ids->n;
    ret->truncated = ids->n > ids->context;
    if (ret->truncated)
        ids->id[ids->context - 1] = end;
    for (int i = ids->n; i < ids->context; i++)
        ids->id[i] = 0;
    for (ret->end = 0; ids->id[ret->end] != end;)
        ret->end++;
}

int tokenizer_encode(const struct tokenizer *t, const char *text, size_t n, int context,
                     int32_t *ret_ids, struct tokenizer_result *ret_result, struct err *e)
{
    struct ids ids = { ret_ids, 0, context };
    struct buf clean;
    int rc;

    if (context < 2)
        return err_set(e, ERR_INVALID, "a context of %d has no room for start and end", context);
    if (n > TOKENIZER_TEXT_MAX)
        return err_set(e, ERR_TOO_LARGE, "text: %zu bytes, at most %d are allowed", n,
                       TOKENIZER_TEXT_MAX);
    buf_init(&clean, 2 * TOKENIZER_TEXT_MAX); /* some letters are longer in lower case */
    put(&ids, tokenizer_start(t));
    rc = words_clean(text, n, &clean, e) || put_text(t, &clean, &ids, e) ? -1 : 0;
    put(&ids, tokenizer_end(t));
    if (!rc)
        finish(&ids, tokenizer_end(t), ret_result);
    buf_release(&clean);
    return rc;
}
