#include "base/printable.h"

#include <stddef.h>

/* Bytes of the control character that s begins with; 0: of none. */
static size_t control(const char *s)
{
    const unsigned char *c = (const unsigned char *)s;

    if (*c < 0x20 || *c == 0x7f)
        return 1;
    return c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f ? 2 : 0;
}

bool printable_is(const char *s)
{
    for (; *s; s++)
        if (control(s))
            return false;
    return true;
}

void printable_mask(char *s)
{
    while (*s) {
        size_t n = control(s);
        for (size_t i = 0; i < n; i++)
            s[i] = ' ';
        s += n ? n : 1;
    }
}
