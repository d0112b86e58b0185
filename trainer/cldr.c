/*
 * The one file that knows expat. An annotations file is
 *     <annotation cp="X">word | word</annotation>
 *     <annotation cp="X" type="tts">name</annotation>       left out
 */
#include "trainer/cldr.h"

#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum { FILE_MAX = 16 << 20, ENTRIES_MAX = 100000, KEYWORDS_MAX = 4096 };

struct entry {
    char *emoji, *keywords;
};

/* One file, sorted by emoji. */
struct table {
    struct entry *entry;
    int n;
    size_t cap;
};

struct cldr {
    struct table annotations, derived;
};

/* What the callbacks work on. */
struct reading {
    struct table *table;
    char *emoji;     /* of the annotation that is open; NULL outside */
    struct buf text; /* its keywords so far */
    bool failed;
};

static void table_release(struct table *t)
{
    for (int i = 0; i < t->n; i++) {
        mem_free(t->entry[i].emoji);
        mem_free(t->entry[i].keywords);
    }
    mem_free(t->entry);
}

/* Room for one more entry. */
static bool table_grow(struct table *t)
{
    struct entry *entry =
        t->n < ENTRIES_MAX ? mem_grow(t->entry, (size_t)t->n, &t->cap, sizeof *entry) : NULL;

    if (!entry)
        return false;
    t->entry = entry;
    return true;
}

static const char *attribute(const XML_Char **attributes, const char *name)
{
    for (; attributes[0]; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *r = data;
    const char *emoji = attribute(attributes, "cp");

    if (r->emoji || strcmp(name, "annotation") != 0 || !emoji || attribute(attributes, "type"))
        return;
    r->emoji = mem_strdup(emoji);
    r->failed |= !r->emoji;
    buf_clear(&r->text);
}

static void XMLCALL on_text(void *data, const XML_Char *text, int n)
{
    struct reading *r = data;

    if (r->emoji)
        buf_append(&r->text, text, (size_t)n);
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
    struct reading *r = data;
    char *keywords;

    if (!r->emoji || strcmp(name, "annotation") != 0)
        return;
    keywords = r->text.failed ? NULL : mem_strdup(r->text.len ? r->text.data : "");
    if (keywords && table_grow(r->table)) {
        r->table->entry[r->table->n++] = (struct entry){ r->emoji, keywords };
    } else {
        r->failed = true;
        mem_free(keywords);
        mem_free(r->emoji);
    }
    r->emoji = NULL;
}

static int parse(XML_Parser parser, const struct buf *xml, struct reading *r, struct err *e)
{
    XML_SetUserData(parser, r);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    if (XML_Parse(parser, xml->data, (int)xml->len, 1) != XML_STATUS_OK)
        return err_set(e, ERR_FORMAT, "line %lu: %s",
                       (unsigned long)XML_GetCurrentLineNumber(parser),
                       XML_ErrorString(XML_GetErrorCode(parser)));
    if (r->failed)
        return err_set(e, ERR_TOO_LARGE,
                       "out of memory, more than %d annotations, or one of more than %d bytes",
                       ENTRIES_MAX, KEYWORDS_MAX);
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->emoji, ((const struct entry *)b)->emoji);
}

static int read_table(const struct buf *xml, struct table *t, struct err *e)
{
    struct reading r = { .table = t };
    XML_Parser parser = XML_ParserCreate("UTF-8");
    int rc;

    if (!parser)
        return err_set(e, ERR_NOMEM, "no memory for an XML parser");
    buf_init(&r.text, KEYWORDS_MAX);
    rc = parse(parser, xml, &r, e);
    XML_ParserFree(parser);
    buf_release(&r.text);
    mem_free(r.emoji);
    if (!rc && t->n)
        qsort(t->entry, (size_t)t->n, sizeof *t->entry, compare_entries);
    return rc;
}

static int load(const char *dir, const char *file, struct table *t, struct err *e)
{
    char *path = file_join(dir, file);
    struct buf xml;
    int rc = -1;

    buf_init(&xml, FILE_MAX);
    if (!path) {
        err_set(e, ERR_NOMEM, "no memory for a path");
    } else if (!file_read(path, FILE_MAX, &xml, e)) {
        rc = read_table(&xml, t, e);
        if (rc)
            err_prefix(e, "%s: ", path);
    }
    buf_release(&xml);
    mem_free(path);
    return rc;
}

int cldr_open(const char *dir, struct cldr **ret_cldr, struct err *e)
{
    struct cldr *c = mem_alloc(1, sizeof *c);

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for CLDR");
    if (load(dir, "annotations/en.xml", &c->annotations, e) ||
        load(dir, "annotationsDerived/en.xml", &c->derived, e)) {
        cldr_close(c);
        return -1;
    }
    *ret_cldr = c;
    return 0;
}

void cldr_close(struct cldr *c)
{
    if (!c)
        return;
    table_release(&c->annotations);
    table_release(&c->derived);
    mem_free(c);
}

static const char *find(const struct table *t, const char *emoji)
{
    struct entry key = { (char *)emoji, NULL };
    struct entry *found = NULL;

    if (t->n)
        found = bsearch(&key, t->entry, (size_t)t->n, sizeof key, compare_entries);
    return found ? found->keywords : NULL;
}

const char *cldr_keywords(const struct cldr *c, const char *emoji)
{
    const char *keywords = find(&c->annotations, emoji);

    return keywords ? keywords : find(&c->derived, emoji);
}
