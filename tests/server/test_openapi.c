/*
 * docs/openapi.yaml and openapi-admin.yaml against the daemon's own tables: every path and method
 * of the routes, every field of their bodies with its limits, and nothing else. The file is read
 * line by line: paths, methods and fields have lines of their own.
 */
#include "tests/test.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "server/api_admin.h"
#include "server/input_fields.h"
#include "server/input_mix.h"
#include "server/route.h"

#define REF(name) "{$ref: \"#/components/schemas/" name "\"}"

static struct buf doc;

static const char *doc_name;

static int read_doc(const char *name)
{
    char *path = file_join(test_srcdir(), name);

    doc_name = name;
    buf_init(&doc, 1 << 20);
    assert_int_equal(file_read(path, 1 << 20, &doc, NULL), 0);
    mem_free(path);
    return 0;
}

static int read_work(void **state)
{
    (void)state;
    return read_doc("docs/openapi.yaml");
}

static int read_admin(void **state)
{
    (void)state;
    return read_doc("docs/openapi-admin.yaml");
}

static int forget_doc(void **state)
{
    (void)state;
    buf_release(&doc);
    return 0;
}

/* ---- blocks: a line "    Name:" and all lines that are further in ---- */

static size_t indent_of(const char *line)
{
    return strspn(line, " ");
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');

    return end ? end + 1 : line + strlen(line);
}

/* The first line of the block within from..end whose head is `head`; NULL: there is none. */
static const char *block(const char *from, const char *end, const char *head)
{
    size_t n = strlen(head);

    for (const char *line = from; line < end; line = next_line(line))
        if (strncmp(line, head, n) == 0 && line[n] == '\n')
            return next_line(line);
    return NULL;
}

static const char *end_of_block(const char *first)
{
    size_t indent = indent_of(first);
    const char *line = first;

    while (*line && (indent_of(line) >= indent || *line == '\n'))
        line = next_line(line);
    return line;
}

static const char *section(const char *head)
{
    const char *first = block(doc.data, doc.data + doc.len, head);

    assert_non_null(first);
    return first;
}

/* ---- paths ---- */

/* A "*" of the pattern fits a "{name}" of the path. */
static bool same_path(const char *pattern, const char *path, size_t n)
{
    const char *end = path + n;

    while (*pattern && path < end) {
        if (*pattern == '*' && *path == '{') {
            pattern++;
            path = memchr(path, '}', (size_t)(end - path));
            if (!path++)
                return false;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return !*pattern && path == end;
}

static bool is_route(const struct route *table, const char *method, const char *path, size_t n)
{
    for (const struct route *r = table; r->path; r++)
        if (strcasecmp(r->method, method) == 0 && same_path(r->path, path, n))
            return true;
    return false;
}

/* "    post:" -> "post" */
static bool read_method(const char *line, char ret_method[16])
{
    size_t n = strcspn(line + 4, ":\n");

    if (indent_of(line) != 4 || n > 15 || strncmp(line + 4 + n, ":\n", 2) != 0)
        return false;
    snprintf(ret_method, 16, "%.*s", (int)n, line + 4);
    return true;
}

/* Counts the methods of all paths; fails at one that is no route. */
static int count_methods(const struct route *table)
{
    const char *from = section("paths:"), *end = end_of_block(from), *path = NULL;
    size_t path_n = 0;
    int n = 0;

    for (const char *line = from; line < end; line = next_line(line)) {
        char method[16];
        if (indent_of(line) == 2) {
            path = line + 2;
            path_n = strcspn(path, ":");
        }
        if (!read_method(line, method))
            continue;
        if (!is_route(table, method, path, path_n))
            fail_msg("%s: %s %.*s is no route", doc_name, method, (int)path_n, path);
        n++;
    }
    return n;
}

static void test_paths_are_the_routes(void **state)
{
    int n = 0;

    (void)state;
    while (ROUTES_WORK[n].path)
        n++;
    assert_int_equal(count_methods(ROUTES_WORK), n); /* each is a route, no two are the same */
}

/* What both listeners serve is described once. */
static void test_admin_paths_are_the_rest(void **state)
{
    int n = 0;

    (void)state;
    for (const struct route *r = ROUTES_ADMIN; r->path; r++)
        n += !is_route(ROUTES_WORK, r->method, r->path, strlen(r->path));
    assert_int_equal(count_methods(ROUTES_ADMIN), n);
}

/* ---- fields ---- */

static void print_numbers(const struct field *f, struct buf *out)
{
    const char *kind = f->type == &FIELD_REAL ? "number" : "integer";

    buf_printf(out, "{type: [%s, \"null\"], minimum: %.0f, maximum: %.0f}", kind, f->min, f->max);
}

static void print_choices(const struct field *f, struct buf *out)
{
    for (const char *c = f->choices; *c; c += strcspn(c, "|"), c += *c == '|')
        buf_printf(out, "%s%.*s", c == f->choices ? "" : ", ", (int)strcspn(c, "|"), c);
}

static void print_choice(const struct field *f, struct buf *out)
{
    buf_puts(out, "{enum: [");
    print_choices(f, out);
    buf_puts(out, ", null]}");
}

static void print_set(const struct field *f, struct buf *out)
{
    buf_puts(out, "{type: [array, \"null\"], items: {enum: [");
    print_choices(f, out);
    buf_puts(out, "]}}");
}

static void print_word(const struct field *f, struct buf *out)
{
    buf_printf(out, "{type: [string, \"null\"], minLength: %.0f, maxLength: %.0f}", f->min, f->max);
}

static void print_negative(const struct field *f, struct buf *out)
{
    buf_printf(out, "{type: [string, \"null\"], maxLength: %.0f}", f->max);
}

static void print_mix(const struct field *f, struct buf *out)
{
    (void)f;
    buf_printf(out,
               "{type: [array, \"null\"], minItems: 1, maxItems: %d, items: " REF("MixItem") "}",
               REQUEST_MIX_MAX);
}

/* What a kind of field is in the file. */
static const struct {
    const struct field_type *type;
    void (*print)(const struct field *f, struct buf *out); /* NULL: */
    const char *text;
} SCHEMAS[] = {
    { &FIELD_INT, print_numbers, NULL },
    { &FIELD_WHOLE, print_numbers, NULL },
    { &FIELD_REAL, print_numbers, NULL },
    { &FIELD_BOOL, NULL, "{type: [boolean, \"null\"]}" },
    { &FIELD_CHOICE, print_choice, NULL },
    { &FIELD_SET, print_set, NULL },
    { &FIELD_WORD, print_word, NULL },
    { &FIELD_UNUSED, NULL, "{}" },
    { &FIELD_PROMPT, NULL, REF("Prompt") },
    { &FIELD_NEGATIVE, print_negative, NULL },
    { &FIELD_IMAGE, NULL, REF("Image") },
    { &FIELD_EMBEDDING, NULL, REF("Embedding") },
    { &FIELD_MIX, print_mix, NULL },
    { &FIELD_TEXTS, NULL, REF("Texts") },
    { &FIELD_IMAGES, NULL, REF("Images") },
    { &FIELD_TOKENS, NULL, REF("Tokens") },
    { &FIELD_SIZE, NULL,
      "{type: [string, \"null\"], pattern: \"^(auto|[0-9]{1,5}x[0-9]{1,5})$\"}" },
    { &FIELD_SETTINGS, NULL, "{type: [object, \"null\"]}" },
    { &MIX_TEXT, print_word, NULL },
    { &MIX_IMAGE, NULL, REF("Image") },
    { &MIX_EMBEDDING, NULL, REF("Embedding") },
};

static void print_field(const struct field *f, struct buf *out)
{
    buf_clear(out);
    buf_printf(out, "        %s: ", f->name);
    for (size_t i = 0; i < sizeof SCHEMAS / sizeof SCHEMAS[0]; i++) {
        if (SCHEMAS[i].type != f->type)
            continue;
        if (SCHEMAS[i].print)
            SCHEMAS[i].print(f, out);
        else
            buf_puts(out, SCHEMAS[i].text);
        buf_puts(out, "\n");
        return;
    }
    fail_msg("%s: this test does not know its kind", f->name);
}

/* A row of an outer table hides one of the same name further in. */
static bool is_hidden(const struct field_table *t, const struct field_table *until,
                      const char *name)
{
    for (; t != until; t = t->more)
        for (const struct field *f = t->rows; f->name; f++)
            if (strcmp(f->name, name) == 0)
                return true;
    return false;
}

static int count_lines(const char *from)
{
    int n = 0;

    for (const char *line = from, *end = end_of_block(from); line < end; line = next_line(line))
        n++;
    return n;
}

static void compare(const char *name, const struct field_table *t)
{
    const char *schemas = section("  schemas:"), *first;
    char head[64];
    struct buf line;
    int n = 0;

    snprintf(head, sizeof head, "    %s:", name);
    first = block(schemas, doc.data + doc.len, head);
    if (!first)
        fail_msg("%s: no schema %s", doc_name, head);
    first = block(first, end_of_block(first), "      properties:");
    buf_init(&line, 1 << 16);
    for (const struct field_table *at = t; at; at = at->more) {
        for (const struct field *f = at->rows; f->name; f++) {
            if (is_hidden(t, at, f->name))
                continue;
            print_field(f, &line);
            const char *found = strstr(first, line.data);
            if (!found || found > end_of_block(first))
                fail_msg("%s: schema %s lacks this line:\n%s", doc_name, name, line.data);
            n++;
        }
    }
    assert_int_equal(count_lines(first), n);
    buf_release(&line);
}

static void test_schemas_are_the_tables(void **state)
{
    (void)state;
    compare("GenerateRequest", &GENERATE_FIELDS);
    compare("MixItem", &MIX_ITEM_FIELDS);
    compare("EmbeddingsRequest", &EMBEDDINGS_FIELDS);
    compare("RankRequest", &RANK_FIELDS);
    compare("EncodeRequest", &ENCODE_FIELDS);
    compare("DecodeRequest", &DECODE_FIELDS);
    compare("ImagesRequest", &OPENAI_FIELDS);
    compare("Txt2imgRequest", &TXT2IMG_FIELDS);
    compare("SdOptionsRequest", &SDAPI_OPTIONS_FIELDS);
}

static void test_admin_schemas_are_the_tables(void **state)
{
    (void)state;
    compare("LogLevelRequest", &LOG_LEVEL_FIELDS);
    compare("DrainRequest", &DRAIN_FIELDS);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test_setup_teardown(test_paths_are_the_routes, read_work, forget_doc),
    cmocka_unit_test_setup_teardown(test_schemas_are_the_tables, read_work, forget_doc),
    cmocka_unit_test_setup_teardown(test_admin_paths_are_the_rest, read_admin, forget_doc),
    cmocka_unit_test_setup_teardown(test_admin_schemas_are_the_tables, read_admin, forget_doc),
};

TEST_MAIN(TESTS)
