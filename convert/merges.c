#include "convert/merges.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/gzip.h"
#include "base/mem.h"
#include "convert/json.h"
#include "model/tokenizer.h"

#define HEADER "#version: clipgen\n"
#define FIRST_MERGE 512 /* ids before: bytes, and bytes that end a word */

/* ---- lines ---- */

static int set_too_few(struct err *e, size_t n, size_t wanted)
{
    return err_set(e, ERR_FORMAT,
                   "%zu merges; the token table of this CLIP has %zu entries and needs %zu", n,
                   wanted + TOKENIZER_FIXED, wanted);
}

/* The lines behind the header, as many as are wanted; OpenAI's file has more than it uses. */
static int copy_lines(const struct buf *text, size_t wanted, struct buf *out, struct err *e)
{
    const char *s = text->data ? text->data : "";
    size_t n = 0;

    s += strcspn(s, "\n");
    buf_puts(out, HEADER);
    while (*s == '\n' && s[1] && n < wanted) {
        size_t length = strcspn(++s, "\n");
        buf_append(out, s, length);
        buf_puts(out, "\n");
        s += length;
        n++;
    }
    return n < wanted ? set_too_few(e, n, wanted) : buf_check(out, e);
}

/* ---- tokenizer.json ---- */

/* A merge is "left right" or ["left", "right"]. */
static int read_merge(const json_t *j, const char **ret_left, size_t *ret_n, const char **ret_right,
                      struct err *e)
{
    const char *text = json_string_value(j), *space = text ? strchr(text, ' ') : NULL;

    if (space) {
        *ret_left = text;
        *ret_n = (size_t)(space - text);
        *ret_right = space + 1;
        return 0;
    }
    *ret_left = json_string_value(json_array_get(j, 0));
    *ret_right = json_string_value(json_array_get(j, 1));
    *ret_n = *ret_left ? strlen(*ret_left) : 0;
    return json_array_size(j) == 2 && *ret_left && *ret_right
               ? 0
               : err_set(e, ERR_FORMAT, "no pair of tokens");
}

/* Merge i must be token 512 + i, as our tokenizer counts. */
static int check_id(const json_t *vocab, const char *left, size_t n, const char *right, size_t i,
                    struct err *e)
{
    char token[1024];
    const json_t *id;

    if (n + strlen(right) >= sizeof token)
        return err_set(e, ERR_FORMAT, "a token of over %zu bytes", sizeof token - 1);
    snprintf(token, sizeof token, "%.*s%s", (int)n, left, right);
    id = json_object_get(vocab, token);
    if (json_integer_value(id) != (json_int_t)(FIRST_MERGE + i))
        return err_set(e, ERR_UNSUPPORTED, "'%.64s' has id %lld, CLIP's order gives it %zu", token,
                       id ? (long long)json_integer_value(id) : -1LL, FIRST_MERGE + i);
    return 0;
}

static int check_model(const json_t *model, struct err *e)
{
    const char *type = json_string_value(json_object_get(model, "type"));
    const char *end = json_string_value(json_object_get(model, "end_of_word_suffix"));

    if (type && strcmp(type, "BPE") != 0)
        return err_set(e, ERR_UNSUPPORTED, "model.type: '%.32s', CLIP's is BPE", type);
    if (!end || strcmp(end, "</w>") != 0)
        return err_set(e, ERR_UNSUPPORTED, "model.end_of_word_suffix: '%.32s', CLIP's is </w>",
                       end ? end : "");
    return 0;
}

static int copy_json(const json_t *root, size_t wanted, struct buf *out, struct err *e)
{
    const json_t *model = json_object_get(root, "model"), *vocab = json_object_get(model, "vocab");
    const json_t *merges = json_object_get(model, "merges");

    if (check_model(model, e))
        return -1;
    if (json_array_size(merges) < wanted)
        return set_too_few(e, json_array_size(merges), wanted);
    buf_puts(out, HEADER);
    for (size_t i = 0; i < wanted; i++) {
        const char *left, *right;
        size_t n;
        if (read_merge(json_array_get(merges, i), &left, &n, &right, e) ||
            check_id(vocab, left, n, right, i, e))
            return err_prefix(e, "model.merges[%zu]: ", i);
        buf_append(out, left, n);
        buf_printf(out, " %s\n", right);
    }
    return buf_check(out, e);
}

/* ---- */

static bool is_json(const char *path)
{
    size_t n = strlen(path);

    return n > 5 && !strcmp(path + n - 5, ".json");
}

static int read_json(const char *path, size_t wanted, struct buf *out, struct err *e)
{
    json_t *root;
    int failed;

    if (json_read(path, MERGES_FILE_MAX, &root, e))
        return -1;
    failed = copy_json(root, wanted, out, e) ? err_prefix(e, "%s: ", path) : 0;
    json_decref(root);
    return failed;
}

static int read_lines(const char *path, size_t wanted, struct buf *out, struct err *e)
{
    struct buf text;
    int failed;

    buf_init(&text, MERGES_FILE_MAX);
    failed = gzip_read(path, MERGES_FILE_MAX, &text, e);
    if (!failed && copy_lines(&text, wanted, out, e))
        failed = err_prefix(e, "%s: ", path);
    buf_release(&text);
    return failed;
}

int merges_read(const char *path, int vocab, struct buf *out, struct err *e)
{
    size_t wanted = (size_t)(vocab - TOKENIZER_FIXED);

    if (vocab < TOKENIZER_FIXED)
        return err_set(e, ERR_INVALID, "a token table of %d entries, CLIP's has at least %d", vocab,
                       TOKENIZER_FIXED);
    return is_json(path) ? read_json(path, wanted, out, e) : read_lines(path, wanted, out, e);
}

char *merges_beside(const char *path)
{
    static const char *const NAMES[] = { "merges.txt", "tokenizer.json",
                                         "bpe_simple_vocab_16e6.txt.gz",
                                         "bpe_simple_vocab_16e6.txt" };
    char *dir = file_is_dir(path) ? mem_strdup(path) : file_parent(path), *found = NULL;

    for (size_t i = 0; dir && !found && i < sizeof NAMES / sizeof *NAMES; i++) {
        char *file = file_join(dir, NAMES[i]);
        if (file && file_exists(file))
            found = file;
        else
            mem_free(file);
    }
    mem_free(dir);
    return found;
}
