#include "base/near.h"

enum { WORD_MAX = 63 };

static char as_word(char c)
{
    return c == '-' ? '_' : c;
}

/* Levenshtein's distance: letters to add, drop or replace until typed is word. */
static size_t distance(const char *word, const char *typed, size_t n)
{
    size_t before[WORD_MAX + 1], diagonal, kept;

    for (size_t j = 0; j <= n; j++)
        before[j] = j;
    for (size_t i = 0; word[i]; i++) {
        diagonal = before[0];
        before[0] = i + 1;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (word[i] != as_word(typed[j - 1]));
            kept = before[j];
            if (best > kept + 1)
                best = kept + 1;
            if (best > before[j - 1] + 1)
                best = before[j - 1] + 1;
            before[j] = best;
            diagonal = kept;
        }
    }
    return before[n];
}

void near_init(struct near *near, const char *typed, size_t n)
{
    /* further away is another word, not a slip */
    *near = (struct near){ .typed = typed, .n = n, .best = n > WORD_MAX ? 0 : n / 3 + 2 };
}

bool near_try(struct near *near, const char *word)
{
    size_t d;

    if (near->n > WORD_MAX)
        return false;
    d = distance(word, near->typed, near->n);
    if (d >= near->best)
        return false;
    near->best = d;
    return true;
}
