/* The three forms that CLIP's merges are published in become the same vocabulary. */
#include <string.h>

#include "base/file.h"
#include "base/gzip.h"
#include "base/mem.h"
#include "convert/merges.h"
#include "model/tokenizer.h"
#include "tests/test.h"
#include "tests/tmp.h"

#define TINY_VOCAB 546
#define OPENAI_VOCAB 49408

static const char *tiny_path(void)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/tests/data/golden/tokenizer/bpe_tiny.txt.gz", test_srcdir());
    return path;
}

static void read_ok(const char *path, int vocab, struct buf *out)
{
    struct err e = { 0 };

    buf_init(out, MERGES_FILE_MAX);
    if (merges_read(path, vocab, out, &e))
        fail_msg("%s", e.msg);
}

static void write_file(const char *path, const struct buf *text)
{
    struct err e = { 0 };

    assert_int_equal(buf_check(text, &e) || file_write(path, text->data, text->len, &e), 0);
}

/* "a b" as "a b" or ["a", "b"]; quotes and backslashes escaped. */
static void put_quoted(struct buf *out, const char *s, size_t n)
{
    buf_puts(out, "\"");
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"' || s[i] == '\\')
            buf_puts(out, "\\");
        buf_append(out, s + i, 1);
    }
    buf_puts(out, "\"");
}

static void put_vocab_entry(struct buf *out, const char *line, size_t n, int id)
{
    char token[256];
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        if (line[i] != ' ')
            token[k++] = line[i];
    buf_puts(out, id > 512 ? "," : "");
    put_quoted(out, token, k);
    buf_printf(out, ":%d", id);
}

static void put_merge(struct buf *out, const char *line, size_t n, bool pairs, bool first)
{
    size_t left = (size_t)((const char *)memchr(line, ' ', n) - line);

    buf_puts(out, first ? "" : ",");
    if (!pairs) {
        put_quoted(out, line, n);
        return;
    }
    buf_puts(out, "[");
    put_quoted(out, line, left);
    buf_puts(out, ",");
    put_quoted(out, line + left + 1, n - left - 1);
    buf_puts(out, "]");
}

/* A tokenizer.json of the lines behind the header. */
static void make_json(const struct buf *lines, bool pairs, struct buf *out)
{
    struct buf vocab, merges;
    int id = 512;

    buf_init(&vocab, MERGES_FILE_MAX);
    buf_init(&merges, MERGES_FILE_MAX);
    for (const char *s = strchr(lines->data, '\n') + 1; *s; id++) {
        size_t n = strcspn(s, "\n");
        put_vocab_entry(&vocab, s, n, id);
        put_merge(&merges, s, n, pairs, id == 512);
        s += n + 1;
    }
    buf_init(out, MERGES_FILE_MAX);
    buf_printf(out,
               "{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\",\"vocab\":{%s},"
               "\"merges\":[%s]}}",
               vocab.data, merges.data);
    buf_release(&vocab);
    buf_release(&merges);
}

static void check_forms(const char *path, int vocab)
{
    struct buf openai, again, json;

    read_ok(path, vocab, &openai);
    write_file(tmp_path("merges.txt"), &openai);
    read_ok(tmp_path("merges.txt"), vocab, &again);
    assert_string_equal(again.data, openai.data);
    buf_release(&again);
    for (int pairs = 0; pairs < 2; pairs++) {
        make_json(&openai, pairs, &json);
        write_file(tmp_path("tokenizer.json"), &json);
        read_ok(tmp_path("tokenizer.json"), vocab, &again);
        assert_string_equal(again.data, openai.data);
        buf_release(&again);
        buf_release(&json);
    }
    buf_release(&openai);
}

static void all_forms_are_the_same_vocabulary(void **state)
{
    (void)state;
    struct tokenizer *t;
    struct err e = { 0 };

    check_forms(tiny_path(), TINY_VOCAB);
    assert_int_equal(tokenizer_open(tmp_path("merges.txt"), TINY_VOCAB - TOKENIZER_FIXED, &t, &e),
                     0);
    assert_int_equal(tokenizer_vocab(t), TINY_VOCAB);
    tokenizer_close(t);
}

/* As many lines as the ids need, unchanged and in order: the ids are those of the file itself,
 * which test_tokenizer compares with the reference. */
static void openai_vocabulary_is_cut_where_its_ids_end(void **state)
{
    (void)state;
    struct buf original, cut;
    char path[512];
    struct err e = { 0 };

    snprintf(path, sizeof path, "%s/../shared/golden/tokenizer/bpe_simple_vocab_16e6.txt.gz",
             test_srcdir());
    if (!file_exists(path)) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    buf_init(&original, MERGES_FILE_MAX);
    assert_int_equal(gzip_read(path, MERGES_FILE_MAX, &original, &e), 0);
    read_ok(path, OPENAI_VOCAB, &cut);
    const char *from = strchr(original.data, '\n') + 1, *to = strchr(cut.data, '\n') + 1;
    size_t n = cut.len - (size_t)(to - cut.data), lines = 0;
    assert_memory_equal(from, to, n);
    for (size_t i = 0; i < n; i++)
        lines += to[i] == '\n';
    assert_int_equal(lines, OPENAI_VOCAB - TOKENIZER_FIXED);
    buf_release(&original);
    buf_release(&cut);
    check_forms(path, OPENAI_VOCAB);
}

static const struct {
    const char *name, *text, *msg;
} REFUSED[] = {
    { "few.txt", "#version: 0.2\na b\n",
      "1 merges; the token table of this CLIP has 516 entries and needs 2" },
    { "empty.txt", "", "0 merges; the token table of this CLIP has 516 entries and needs 2" },
    { "few.json", "{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\",\"merges\":[]}}",
      "0 merges; the token table of this CLIP has 516 entries and needs 2" },
    { "unigram.json", "{\"model\":{\"type\":\"Unigram\"}}",
      "model.type: 'Unigram', CLIP's is BPE" },
    { "suffix.json", "{\"model\":{\"type\":\"BPE\"}}",
      "model.end_of_word_suffix: '', CLIP's is </w>" },
    { "order.json",
      "{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</"
      "w>\",\"vocab\":{\"ab\":512,\"cd\":600},"
      "\"merges\":[\"a b\",\"c d\"]}}",
      "model.merges[1]: 'cd' has id 600, CLIP's order gives it 513" },
    { "pairs.json",
      "{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\",\"vocab\":{},"
      "\"merges\":[[\"a\"],[]]}}",
      "model.merges[0]: no pair of tokens" },
};

static void other_files_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        const char *path = tmp_path(REFUSED[i].name);
        struct buf out;
        struct err e = { 0 };
        buf_init(&out, MERGES_FILE_MAX);
        assert_int_equal(file_write(path, REFUSED[i].text, strlen(REFUSED[i].text), &e), 0);
        assert_int_equal(merges_read(path, 516, &out, &e), -1);
        assert_int_equal(strncmp(e.msg, path, strlen(path)), 0);
        assert_string_equal(e.msg + strlen(path) + 2, REFUSED[i].msg);
        buf_release(&out);
    }
}

static void a_vocabulary_is_found_beside_the_weights(void **state)
{
    (void)state;
    struct err e = { 0 };
    char *found;

    assert_int_equal(file_make_dirs(tmp_path("clip"), &e), 0);
    assert_null(merges_beside(tmp_path("clip")));
    assert_int_equal(file_write(tmp_path("clip/tokenizer.json"), "{}", 2, &e), 0);
    found = merges_beside(tmp_path("clip"));
    assert_string_equal(found, tmp_path("clip/tokenizer.json"));
    mem_free(found);
    found = merges_beside(tmp_path("clip/model.safetensors"));
    assert_string_equal(found, tmp_path("clip/tokenizer.json"));
    mem_free(found);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(all_forms_are_the_same_vocabulary),
    cmocka_unit_test(openai_vocabulary_is_cut_where_its_ids_end),
    cmocka_unit_test(other_files_are_refused),
    cmocka_unit_test(a_vocabulary_is_found_beside_the_weights),
};
TEST_MAIN_TMP(TESTS)
