#include "base/num.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Values are quoted in messages up to this length. */
#define SHOWN "%.40s"

static bool only_of(const char *s, const char *allowed)
{
    return *s && s[strspn(s, allowed)] == '\0';
}

static bool is_whole(const char *s)
{
    return only_of(*s == '-' ? s + 1 : s, "0123456789");
}

int num_parse_int(const char *s, const char *what, int64_t min, int64_t max, int64_t *ret,
                  struct err *e)
{
    long long value;

    if (!is_whole(s))
        return err_set(e, ERR_INVALID, "%s: '" SHOWN "' is not a whole number", what, s);
    errno = 0;
    value = strtoll(s, NULL, 10);
    if (errno || value < min || value > max)
        return err_set(e, ERR_INVALID, "%s: " SHOWN " is outside %" PRId64 "..%" PRId64, what, s,
                       min, max);
    *ret = value;
    return 0;
}

int num_parse_u64(const char *s, const char *what, uint64_t *ret, struct err *e)
{
    unsigned long long value;

    if (!is_whole(s))
        return err_set(e, ERR_INVALID, "%s: '" SHOWN "' is not a whole number", what, s);
    errno = 0;
    value = strtoull(s, NULL, 10);
    if (errno || *s == '-')
        return err_set(e, ERR_INVALID, "%s: " SHOWN " is outside 0..%" PRIu64, what, s, UINT64_MAX);
    *ret = value;
    return 0;
}

/* strtod with "." whatever the locale; false: the string is more or less than a number. */
static bool read_real(const char *s, double *ret)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    char *end = NULL;

    if (!c)
        return false;
    *ret = strtod_l(s, &end, c);
    freelocale(c);
    return *end == '\0' && isfinite(*ret);
}

int num_parse_real(const char *s, const char *what, double min, double max, double *ret,
                   struct err *e)
{
    double value;

    /* the character check keeps out what strtod also takes: spaces, hexadecimal, inf, nan */
    if (!only_of(s, "0123456789+-.eE") || !read_real(s, &value))
        return err_set(e, ERR_INVALID, "%s: '" SHOWN "' is not a number", what, s);
    if (value < min || value > max)
        return err_set(e, ERR_INVALID, "%s: " SHOWN " is outside %g..%g", what, s, min, max);
    *ret = value;
    return 0;
}

int num_parse_bool(const char *s, const char *what, bool *ret, struct err *e)
{
    static const struct {
        const char *word;
        bool value;
    } WORDS[] = {
        { "true", true }, { "false", false }, { "yes", true }, { "no", false },
        { "on", true },   { "off", false },   { "1", true },   { "0", false },
    };

    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (strcasecmp(s, WORDS[i].word) == 0) {
            *ret = WORDS[i].value;
            return 0;
        }
    return err_set(e, ERR_INVALID, "%s: '" SHOWN "' is neither true nor false", what, s);
}

int num_parse_choice(const char *s, const char *what, const char *choices, int *ret, struct err *e)
{
    const char *choice = choices;
    size_t n = strlen(s);

    for (int i = 0;; i++) {
        size_t length = strcspn(choice, "|");
        if (length == n && memcmp(choice, s, n) == 0) {
            *ret = i;
            return 0;
        }
        if (choice[length] == '\0')
            return err_set(e, ERR_INVALID, "%s: '" SHOWN "' is none of %s", what, s, choices);
        choice += length + 1;
    }
}

bool num_mul(size_t a, size_t b, size_t *ret)
{
    if (b && a > SIZE_MAX / b)
        return false;
    *ret = a * b;
    return true;
}

bool num_add(size_t a, size_t b, size_t *ret)
{
    if (a > SIZE_MAX - b)
        return false;
    *ret = a + b;
    return true;
}
