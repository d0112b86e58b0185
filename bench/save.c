#include "bench/save.h"

#include "base/file.h"
#include "base/mem.h"
#include "bench/random.h"
#include "model/bundle.h"

#define HEADER "#version: clipgen\n"
#define LETTERS 26
#define VOCABULARY_MAX ((size_t)4 << 20)

/* ---- vocabulary: every token and letter become a token, shortest first ---- */

static void put_token(struct buf *text, int token)
{
    if (token >= LETTERS)
        put_token(text, token / LETTERS - 1);
    buf_printf(text, "%c", 'a' + token % LETTERS);
}

/* Joins tokens that stand before it, and makes token LETTERS + merge. */
static void put_merge(struct buf *text, int merge)
{
    put_token(text, merge / LETTERS);
    buf_printf(text, " %c\n", 'a' + merge % LETTERS);
}

static int write_vocabulary(int vocab, const char *path, struct err *e)
{
    struct buf text;
    buf_init(&text, VOCABULARY_MAX);
    buf_puts(&text, HEADER);
    for (int i = 0; i < vocab - TOKENIZER_FIXED; i++)
        put_merge(&text, i);
    int failed = buf_check(&text, e) || file_write(path, text.data, text.len, e);
    buf_release(&text);
    return failed ? -1 : 0;
}

/* ---- bundle ---- */

static int write_bundle(struct bundle *b, enum weights_dtype stored, const char *dir, struct err *e)
{
    char *vocabulary = file_join(dir, "vocab.random");
    int failed = !vocabulary ? err_set(e, ERR_NOMEM, "no memory for a path")
                             : file_make_dirs(dir, e) ||
                                   write_vocabulary(b->config.clip.text.vocab, vocabulary, e) ||
                                   bundle_save(b, dir, stored, vocabulary, e);
    mem_free(vocabulary);
    return failed ? -1 : 0;
}

int save_bundle(const struct preset *p, struct device *dev, enum weights_dtype stored,
                const char *dir, struct err *e)
{
    struct bundle *b;
    if (bundle_new(&p->config, dev, PARAM_PLAIN, &b, e))
        return -1;
    int failed = random_fill_bundle(b, e) || write_bundle(b, stored, dir, e);
    bundle_close(b);
    return failed ? -1 : 0;
}
