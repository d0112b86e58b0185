#include "model/words.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "model/html.h"
#include "model/unicode.h"

/* ---- cleaning ---- */

/* What Python's str.strip() takes off besides white space. */
static bool strippable(uint32_t c)
{
    return unicode_space(c) || (c >= 0x1c && c <= 0x1f);
}

static int check_utf8(const char *text, size_t n, struct err *e)
{
    for (const char *s = text; s < text + n;)
        if (unicode_decode(&s, text + n) < 0)
            return err_set(e, ERR_INVALID, "text is no UTF-8 at byte %zu", (size_t)(s - text));
    return 0;
}

/* Returns how many. */
static size_t decode_all(const struct buf *text, uint32_t *codes)
{
    const char *s = text->data, *end = s + text->len;
    size_t n = 0;

    while (s < end)
        codes[n++] = (uint32_t)unicode_decode(&s, end);
    return n;
}

/* Trims both ends and makes one space of every run; returns the new length. */
static size_t squeeze(uint32_t *codes, size_t n)
{
    size_t from = 0, to = 0;

    while (n > 0 && strippable(codes[n - 1]))
        n--;
    while (from < n && strippable(codes[from]))
        from++;
    for (; from < n; from++) {
        if (!unicode_space(codes[from]))
            codes[to++] = codes[from];
        else if (!unicode_space(codes[from - 1]))
            codes[to++] = ' ';
    }
    return to;
}

/* In lower case. */
static void append_lower(const uint32_t *codes, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t lower[2];
        char utf8[4];
        int k = unicode_lower(codes, n, i, lower);
        for (int j = 0; j < k; j++)
            buf_append(out, utf8, unicode_encode(lower[j], utf8));
    }
}

static int clean_unescaped(const struct buf *text, struct buf *out, struct err *e)
{
    uint32_t *codes = mem_alloc(text->len, sizeof *codes);

    if (!codes)
        return err_set(e, ERR_NOMEM, "no memory for %zu characters", text->len);
    append_lower(codes, squeeze(codes, decode_all(text, codes)), out);
    mem_free(codes);
    return buf_check(out, e);
}

int words_clean(const char *text, size_t n, struct buf *out, struct err *e)
{
    struct buf once, twice;
    int rc;

    if (check_utf8(text, n, e))
        return -1;
    buf_init(&once, SIZE_MAX);
    buf_init(&twice, SIZE_MAX);
    html_unescape(text, n, &once);
    html_unescape(once.data, once.len, &twice);
    rc = buf_check(&once, e) || buf_check(&twice, e) || clean_unescaped(&twice, out, e) ? -1 : 0;
    buf_release(&once);
    buf_release(&twice);
    return rc;
}

/* ---- splitting ---- */

/* CLIP's pattern ignores case, and the long s (U+017F) has the case of s; lower() left it alone. */
#define LONG_S "\305\277"

/* Bytes of s that match lower-case ASCII `want`; 0: no match. */
static size_t match(const char *s, const char *end, const char *want)
{
    const char *p = s;

    for (; *want; want++) {
        if (*want == 's' && end - p >= 2 && !memcmp(p, LONG_S, 2))
            p += 2;
        else if (p < end && *p == *want)
            p++;
        else
            return 0;
    }
    return (size_t)(p - s);
}

static bool match_special(const char *s, const char *end, struct word *ret)
{
    static const char *const SPECIALS[] = { "<|startoftext|>", "<|endoftext|>" };

    for (int i = 0; i < 2; i++) {
        size_t n = match(s, end, SPECIALS[i]);
        bool exact = n == strlen(SPECIALS[i]);
        if (n) {
            *ret = (struct word){ exact ? (enum word_kind)(WORD_START + i) : WORD_PLAIN, s, n };
            return true;
        }
    }
    return false;
}

static bool match_contraction(const char *s, const char *end, struct word *ret)
{
    static const char *const ENDINGS[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };

    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
        size_t n = match(s, end, ENDINGS[i]);
        if (n) {
            *ret = (struct word){ WORD_PLAIN, s, n };
            return true;
        }
    }
    return false;
}

enum kind { KIND_SPACE, KIND_LETTER, KIND_NUMBER, KIND_REST };

static enum kind kind_of(uint32_t c)
{
    unsigned flags = unicode_class(c);

    return unicode_space(c)         ? KIND_SPACE
           : flags & UNICODE_LETTER ? KIND_LETTER
           : flags & UNICODE_NUMBER ? KIND_NUMBER
                                    : KIND_REST;
}

/* A run of letters, one number, or a run of the rest; s is no space. */
static void match_run(const char *s, const char *end, struct word *ret)
{
    const char *p = s;
    enum kind kind = kind_of((uint32_t)unicode_decode(&p, end));

    while (p < end && kind != KIND_NUMBER) {
        const char *next = p;
        if (kind_of((uint32_t)unicode_decode(&next, end)) != kind)
            break;
        p = next;
    }
    *ret = (struct word){ WORD_PLAIN, s, (size_t)(p - s) };
}

bool words_next(const char **s, const char *end, struct word *ret_word)
{
    while (*s < end && **s == ' ') /* the only white space in cleaned text */
        (*s)++;
    if (*s == end)
        return false;
    if (!match_special(*s, end, ret_word) && !match_contraction(*s, end, ret_word))
        match_run(*s, end, ret_word);
    *s = ret_word->text + ret_word->n;
    return true;
}
