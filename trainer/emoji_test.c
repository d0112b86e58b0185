#include "trainer/emoji_test.h"

#include <stdbool.h>
#include <string.h>

enum { CODE_POINT_MAX = 0x10ffff };

/* Copies n bytes as a string. false: too long. */
static bool copy_words(char *to, const char *from, size_t n)
{
    if (n >= EMOJI_TEST_WORDS_MAX)
        return false;
    memcpy(to, from, n);
    to[n] = '\0';
    return true;
}

static const char *skip_spaces(const char *s, const char *end)
{
    while (s < end && *s == ' ')
        s++;
    return s;
}

static const char *skip_word(const char *s, const char *end)
{
    while (s < end && *s != ' ')
        s++;
    return s;
}

static bool starts_with(const char *s, const char *end, const char *start)
{
    size_t n = strlen(start);

    return (size_t)(end - s) >= n && memcmp(s, start, n) == 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One code point up to a space; NULL: not one. */
static const char *read_code_point(const char *s, const char *end, uint32_t *ret)
{
    uint32_t value = 0;
    const char *start = s;

    for (; s < end && hex_digit(*s) >= 0 && value <= CODE_POINT_MAX; s++)
        value = value * 16 + (uint32_t)hex_digit(*s);
    *ret = value;
    return s > start && s < end && *s == ' ' && value <= CODE_POINT_MAX ? s : NULL;
}

/* "1F353 FE0F   ; " -> code points; the place after the semicolon, NULL: malformed. */
static const char *read_sequence(const char *s, const char *end, struct emoji_line *line)
{
    line->n_code_points = 0;
    while (s && s < end && *s != ';') {
        if (line->n_code_points == EMOJI_FONT_SEQUENCE_MAX)
            return NULL;
        s = read_code_point(s, end, &line->code_points[line->n_code_points++]);
        if (s)
            s = skip_spaces(s, end);
    }
    return s && s < end && line->n_code_points > 0 ? skip_spaces(s + 1, end) : NULL;
}

/* "# X E0.6 strawberry" -> "strawberry" */
static bool read_name(const char *s, const char *end, char *ret_name)
{
    for (int word = 0; word < 3; word++)
        s = skip_spaces(skip_word(s, end), end);
    return s < end && copy_words(ret_name, s, (size_t)(end - s));
}

static bool read_comment(struct emoji_test *t, const char *s, const char *end)
{
    static const char GROUP[] = "# group: ", SUBGROUP[] = "# subgroup: ";

    if (starts_with(s, end, GROUP))
        return copy_words(t->group, s + strlen(GROUP), (size_t)(end - s) - strlen(GROUP));
    if (starts_with(s, end, SUBGROUP))
        return copy_words(t->subgroup, s + strlen(SUBGROUP), (size_t)(end - s) - strlen(SUBGROUP));
    return true;
}

/* 1: an emoji; 0: another line; -1: malformed. */
static int read_line(struct emoji_test *t, const char *s, const char *end, struct emoji_line *line)
{
    if (s == end)
        return 0;
    if (*s == '#')
        return read_comment(t, s, end) ? 0 : -1;
    s = read_sequence(s, end, line);
    if (!s)
        return -1;
    if (!starts_with(s, end, "fully-qualified "))
        return 0;
    s = skip_spaces(skip_word(s, end), end);
    return starts_with(s, end, "# ") && read_name(s, end, line->name) ? 1 : -1;
}

int emoji_test_next(struct emoji_test *t, struct emoji_line *ret_line, struct err *e)
{
    while (*t->next) {
        const char *start = t->next, *end = start + strcspn(start, "\n");
        int found = read_line(t, start, end, ret_line);
        t->line++;
        t->next = *end ? end + 1 : end;
        if (found < 0)
            return err_set(e, ERR_FORMAT, "line %d: '%.*s' is not a line of emoji-test.txt",
                           t->line, end - start < 60 ? (int)(end - start) : 60, start);
        if (found)
            return 1;
    }
    return 0;
}
