#include "server/accept.h"

#include <string.h>
#include <strings.h>

#include "base/num.h"

#define SPACE " \t"

/* How closely a range of n bytes names the type: 3 exactly, 2 as in "image/" and any, 1 as
 * anything, 0 not at all. */
static int closeness(const char *range, size_t n, const char *type)
{
    size_t major = strcspn(type, "/") + 1;

    if (n == strlen(type) && strncasecmp(range, type, n) == 0)
        return 3;
    if (n == major + 1 && range[major] == '*' && strncasecmp(range, type, major) == 0)
        return 2;
    return n == 3 && memcmp(range, "*/*", 3) == 0;
}

/* "0.25" -> 250; what is no such number -> 1000, as if it were not there. */
static int thousandths(const char *text, size_t n)
{
    char number[8] = "";
    double value = 1;

    if (n < sizeof number)
        memcpy(number, text, n);
    num_parse_real(number, "q", 0, 1, &value, NULL);
    return (int)(value * 1000 + 0.5);
}

/* The q of the parameters behind a range: ";charset=utf-8;q=0.5". */
static int quality(const char *at, const char *end)
{
    while (at < end && *at == ';') {
        size_t n;
        at += 1 + strspn(at + 1, SPACE);
        n = strcspn(at, ";,");
        if (n >= 2 && strncasecmp(at, "q=", 2) == 0)
            return thousandths(at + 2, strcspn(at + 2, ";, \t"));
        at += n;
    }
    return 1000;
}

int accept_quality(const char *header, const char *type)
{
    int closest = 0, best = 0;

    if (!header || !*header)
        return 1000;
    while (*header) {
        const char *end;
        int close;
        header += strspn(header, SPACE ",");
        end = header + strcspn(header, ",");
        close = closeness(header, strcspn(header, ";," SPACE), type);
        if (close > closest) {
            closest = close;
            best = quality(header + strcspn(header, ";,"), end);
        }
        header = end;
    }
    return best;
}
