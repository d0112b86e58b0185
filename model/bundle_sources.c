#include "model/bundle_sources.h"

#include <string.h>

struct text_field {
    const char *key;
    size_t offset, size; /* in struct bundle_source */
};

#define TEXT(field)                                                                                \
    {                                                                                              \
#field, offsetof(struct bundle_source, field), sizeof((struct bundle_source *)0)->field    \
    }

static const struct text_field FIELDS[] = { TEXT(network), TEXT(family), TEXT(file), TEXT(sha256) };
#define N_FIELDS (sizeof FIELDS / sizeof *FIELDS)

static int read_text(const struct text_field *f, const json_t *source, struct bundle_source *s,
                     struct err *e)
{
    const json_t *text = json_object_get(source, f->key);
    size_t n = json_string_length(text);

    if (!json_is_string(text))
        return err_set(e, ERR_FORMAT, "%s is missing or no text", f->key);
    if (n >= f->size)
        return err_set(e, ERR_INVALID, "%s: %zu bytes, at most %zu are allowed", f->key, n,
                       f->size - 1);
    memcpy((char *)s + f->offset, json_string_value(text), n + 1);
    return 0;
}

static int read_source(const json_t *source, struct bundle_source *s, struct err *e)
{
    if (json_object_size(source) != N_FIELDS)
        return err_set(e, ERR_FORMAT, "%zu fields instead of network, family, file and sha256",
                       json_object_size(source));
    for (size_t i = 0; i < N_FIELDS; i++)
        if (read_text(&FIELDS[i], source, s, e))
            return -1;
    return 0;
}

int bundle_sources_read(const json_t *list, struct bundle_config *c, struct err *e)
{
    size_t n = json_array_size(list);

    if (!json_is_array(list))
        return err_set(e, ERR_FORMAT, "sources: no list");
    if (n > BUNDLE_SOURCES_MAX)
        return err_set(e, ERR_INVALID, "sources: %zu files, at most %d are allowed", n,
                       BUNDLE_SOURCES_MAX);
    for (size_t i = 0; i < n; i++)
        if (read_source(json_array_get(list, i), &c->source[i], e))
            return err_prefix(e, "sources[%zu]: ", i);
    c->n_sources = (int)n;
    return 0;
}

static json_t *source_json(const struct bundle_source *s)
{
    json_t *source = json_object();

    for (size_t i = 0; i < N_FIELDS; i++)
        json_object_set_new(source, FIELDS[i].key, json_string((const char *)s + FIELDS[i].offset));
    return source;
}

json_t *bundle_sources_json(const struct bundle_config *c)
{
    json_t *list = json_array();

    for (int i = 0; i < c->n_sources; i++)
        json_array_append_new(list, source_json(&c->source[i]));
    return list;
}
