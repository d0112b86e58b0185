#include "trainer/phrases.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

char *phrase_plain(const char *text, size_t n)
{
    static const char CURLY[] = "\xe2\x80\x99";
    char *plain = mem_alloc(n + 1, 1);
    size_t len = 0;

    if (!plain)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (n - i >= 3 && memcmp(text + i, CURLY, 3) == 0) {
            plain[len++] = '\'';
            i += 2;
        } else if (!is_space(text[i])) {
            plain[len++] = lower(text[i]);
        } else if (len > 0 && plain[len - 1] != ' ') {
            plain[len++] = ' ';
        }
    }
    if (len > 0 && plain[len - 1] == ' ')
        len--;
    plain[len] = '\0';
    return plain;
}

void phrases_release(struct phrases *w)
{
    for (int i = 0; i < w->n; i++)
        mem_free(w->list[i]);
    mem_free(w->list);
    *w = (struct phrases){ 0 };
}

int phrases_take(struct phrases *w, char *word)
{
    char **list = word ? mem_resize(w->list, (size_t)w->n + 1, sizeof *list) : NULL;

    if (!list) {
        mem_free(word);
        return -1;
    }
    w->list = list;
    w->list[w->n++] = word;
    return 0;
}

bool phrases_has(const struct phrases *w, const char *word)
{
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->list[i], word) == 0)
            return true;
    return false;
}

/* Takes one part of a split text, unless it is to be left out. */
static int take_part(struct phrases *w, char *part, const char *except)
{
    if (part && (!*part || phrases_has(w, part) || (except && strcmp(part, except) == 0))) {
        mem_free(part);
        return 0;
    }
    return phrases_take(w, part);
}

int phrases_add_split(struct phrases *w, const char *text, char separator, const char *except,
                      int max)
{
    while (*text && w->n < max) {
        const char *end = strchr(text, separator);
        size_t n = end ? (size_t)(end - text) : strlen(text);
        if (take_part(w, phrase_plain(text, n), except))
            return -1;
        text += n + (end ? 1 : 0);
    }
    return 0;
}
