#include "model/bundle_config.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/bundle_sources.h"

#define VERSION 1
#define PATH_MAX_BYTES 64

/* What the file holds. */
struct document {
    int version;
    struct bundle_config c;
};

enum field_type {
    FIELD_INT,
    FIELD_INTS,
    FIELD_REAL,
    FIELD_REALS,
    FIELD_BOOL,
    FIELD_TEXT,
    FIELD_SOURCES
};

struct field {
    const char *path;
    size_t offset;
    enum field_type type;
    double min, max; /* of numbers; TEXT: bytes; INTS, REALS: how many */
    size_t n_offset; /* INTS: where the number of elements is kept */
    bool optional;   /* 0, false or empty where a file does not have it */
};

#define AT(path) #path, offsetof(struct document, c.path)
/* The sizes of networks have their limits in *_config_check. */
#define SIZE FIELD_INT, INT_MIN, INT_MAX, 0, false
#define INT(min, max) FIELD_INT, min, max, 0, false
#define SIZES(max, n) FIELD_INTS, 1, max, offsetof(struct document, c.n), false
#define REAL(min, max) FIELD_REAL, min, max, 0, false
#define REALS(n) FIELD_REALS, n, n, 0, false
#define BOOL FIELD_BOOL, 0, 0, 0, false
#define TEXT(min, size) FIELD_TEXT, min, (size)-1, 0, false
/* Those that bundles of before do not have. */
#define NEW_SIZE FIELD_INT, INT_MIN, INT_MAX, 0, true
#define NEW_BOOL FIELD_BOOL, 0, 0, 0, true
#define NEW_TEXT(size) FIELD_TEXT, 0, (size)-1, 0, true
#define NEW_SOURCES FIELD_SOURCES, 0, 0, 0, true

/* In the order of the file. */
static const struct field FIELDS[] = {
    { "version", offsetof(struct document, version), INT(VERSION, VERSION) },
    { AT(name), TEXT(1, BUNDLE_NAME_MAX) },
    { AT(licence), TEXT(0, BUNDLE_LICENCE_MAX) },
    { AT(vocab_file), TEXT(1, BUNDLE_NAME_MAX) },
    { AT(clip.embed_dim), SIZE },
    { AT(clip.image.size), SIZE },
    { AT(clip.image.patch), SIZE },
    { AT(clip.image.width), SIZE },
    { AT(clip.image.layers), SIZE },
    { AT(clip.image.heads), SIZE },
    { AT(clip.text.context), SIZE },
    { AT(clip.text.vocab), SIZE },
    { AT(clip.text.width), SIZE },
    { AT(clip.text.layers), SIZE },
    { AT(clip.text.heads), SIZE },
    { AT(clip.quick_gelu), BOOL },
    { AT(clip.bilinear), NEW_BOOL },
    { AT(clip.mean), REALS(3) },
    { AT(clip.std), REALS(3) },
    { AT(vqgan.resolution), SIZE },
    { AT(vqgan.ch), SIZE },
    { AT(vqgan.mult), SIZES(VQGAN_LEVELS_MAX, vqgan.levels) },
    { AT(vqgan.res_blocks), SIZE },
    { AT(vqgan.attn_resolution), SIZE },
    { AT(vqgan.z_channels), SIZE },
    { AT(vqgan.code_dim), NEW_SIZE },
    { AT(vqgan.codebook), SIZE },
    { AT(vqgan.groups), SIZE },
    { AT(vqgan.norm_eps), REAL(0, 1) },
    { AT(vqgan.unit_codes), BOOL },
    { AT(vqgan.unit_range), NEW_BOOL },
    { AT(vqgan.decoder_only), NEW_BOOL },
    { AT(gpt.layers), SIZE },
    { AT(gpt.width), SIZE },
    { AT(gpt.heads), SIZE },
    { AT(gpt.tokens), SIZE },
    { AT(gpt.vocab), SIZE },
    { AT(gpt.cond_dim), SIZE },
    { AT(gpt.dropout), REAL(0, 1) },
    { AT(gpt.null_cond), BOOL },
    { AT(centred), BOOL },
    { AT(sampling.temperature), REAL(0, SAMPLING_TEMPERATURE_MAX) },
    { AT(sampling.top_k), INT(0, SAMPLING_TOP_K_MAX) },
    { AT(sampling.top_p), REAL(0, 1) },
    { AT(sampling.guidance), REAL(SAMPLING_GUIDANCE_MIN, SAMPLING_GUIDANCE_MAX) },
    { AT(weights_sha256), NEW_TEXT(BUNDLE_DIGEST_BYTES) },
    { "sources", 0, NEW_SOURCES },
};
#define N_FIELDS (sizeof FIELDS / sizeof *FIELDS)

/* ---- reading one field ---- */

static int read_int(const struct field *f, const json_t *j, int *ret, struct err *e)
{
    json_int_t v = json_integer_value(j);

    if (!json_is_integer(j))
        return err_set(e, ERR_FORMAT, "%s: no whole number", f->path);
    if (v < INT_MIN || v > INT_MAX ||
        (f->type == FIELD_INT && ((double)v < f->min || (double)v > f->max)))
        return err_set(e, ERR_INVALID, "%s: %lld is outside %.0f..%.0f", f->path, (long long)v,
                       f->type == FIELD_INT ? f->min : INT_MIN,
                       f->type == FIELD_INT ? f->max : INT_MAX);
    *ret = (int)v;
    return 0;
}

static int read_real(const struct field *f, const json_t *j, float *ret, struct err *e)
{
    double v = json_number_value(j);

    if (!json_is_number(j))
        return err_set(e, ERR_FORMAT, "%s: no number", f->path);
    if (f->type == FIELD_REAL && (v < f->min || v > f->max))
        return err_set(e, ERR_INVALID, "%s: %g is outside %g..%g", f->path, v, f->min, f->max);
    *ret = (float)v;
    return 0;
}

static int check_length(const struct field *f, const json_t *j, struct err *e)
{
    double n = (double)json_array_size(j);

    if (!json_is_array(j))
        return err_set(e, ERR_FORMAT, "%s: no list", f->path);
    if (n < f->min || n > f->max)
        return err_set(e, ERR_INVALID, "%s: %.0f elements are outside %.0f..%.0f", f->path, n,
                       f->min, f->max);
    return 0;
}

static int read_list(const struct field *f, const json_t *j, struct document *d, struct err *e)
{
    char *to = (char *)d + f->offset;
    size_t n = json_array_size(j);

    if (check_length(f, j, e))
        return -1;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(j, i);
        if (f->type == FIELD_INTS ? read_int(f, v, (int *)(void *)to + i, e)
                                  : read_real(f, v, (float *)(void *)to + i, e))
            return -1;
    }
    if (f->type == FIELD_INTS)
        *(int *)(void *)((char *)d + f->n_offset) = (int)n;
    return 0;
}

static int read_text(const struct field *f, const json_t *j, char *ret, struct err *e)
{
    size_t n = json_string_length(j);

    if (!json_is_string(j))
        return err_set(e, ERR_FORMAT, "%s: no text", f->path);
    if ((double)n < f->min || (double)n > f->max)
        return err_set(e, ERR_INVALID, "%s: %zu bytes are outside %.0f..%.0f", f->path, n, f->min,
                       f->max);
    memcpy(ret, json_string_value(j), n + 1);
    return 0;
}

static int read_field(const struct field *f, const json_t *j, struct document *d, struct err *e)
{
    void *to = (char *)d + f->offset;

    if (!j)
        return f->optional ? 0 : err_set(e, ERR_FORMAT, "%s is missing", f->path);
    switch (f->type) {
    case FIELD_INT:
        return read_int(f, j, to, e);
    case FIELD_REAL:
        return read_real(f, j, to, e);
    case FIELD_TEXT:
        return read_text(f, j, to, e);
    case FIELD_SOURCES:
        return bundle_sources_read(j, &d->c, e);
    case FIELD_BOOL:
        *(bool *)to = json_is_true(j);
        return json_is_boolean(j) ? 0 : err_set(e, ERR_FORMAT, "%s: not true or false", f->path);
    default:
        return read_list(f, j, d, e);
    }
}

/* ---- paths ---- */

/* The first name of a path into key; returns the rest, NULL behind the last name. */
static const char *split_path(const char *path, char key[PATH_MAX_BYTES])
{
    size_t n = strcspn(path, ".");

    snprintf(key, PATH_MAX_BYTES, "%.*s", (int)n, path);
    return path[n] ? path + n + 1 : NULL;
}

static const json_t *find(const json_t *at, const char *path)
{
    char key[PATH_MAX_BYTES];

    while (path) {
        path = split_path(path, key);
        at = json_object_get(at, key);
    }
    return at;
}

static int put(json_t *at, const char *path, json_t *value)
{
    char key[PATH_MAX_BYTES];

    while ((path = split_path(path, key))) {
        if (!json_object_get(at, key))
            json_object_set_new(at, key, json_object());
        at = json_object_get(at, key);
    }
    return json_object_set_new(at, key, value);
}

enum known { UNKNOWN, KNOWN_FIELD, KNOWN_GROUP };

static enum known look_up(const char *path)
{
    size_t n = strlen(path);

    for (size_t i = 0; i < N_FIELDS; i++) {
        if (!strcmp(FIELDS[i].path, path))
            return KNOWN_FIELD;
        if (!strncmp(FIELDS[i].path, path, n) && FIELDS[i].path[n] == '.')
            return KNOWN_GROUP;
    }
    return UNKNOWN;
}

/* Refuses names that no field has: a misspelt one would go unnoticed. */
static int check_known(json_t *object, const char *group, struct err *e)
{
    const char *key;
    json_t *value;

    json_object_foreach (object, key, value) {
        char path[PATH_MAX_BYTES];
        size_t n = (size_t)snprintf(path, sizeof path, "%s%s%s", group, *group ? "." : "", key);
        enum known known = n < sizeof path ? look_up(path) : UNKNOWN;
        if (known == UNKNOWN)
            return err_set(e, ERR_FORMAT, "%s: no such field", path);
        if (known == KNOWN_GROUP && check_known(value, path, e))
            return -1;
    }
    return 0;
}

/* ---- checks ---- */

static bool word_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
}

/* Names end up in paths, URLs and logs. */
static int check_word(const char *field, const char *s, struct err *e)
{
    if (*s == '.')
        return err_set(e, ERR_INVALID, "%s: '%s' begins with a dot", field, s);
    for (const char *c = s; *c; c++)
        if (!word_char(*c))
            return err_set(e, ERR_INVALID, "%s: '%s' has other characters than a-z A-Z 0-9 . _ -",
                           field, s);
    return 0;
}

static int check_fit(const char *field, int value, int wanted, const char *what, struct err *e)
{
    return value == wanted ? 0
                           : err_set(e, ERR_INVALID, "%s: %d does not fit %s, which is %d", field,
                                     value, what, wanted);
}

int bundle_config_check(const struct bundle_config *c, struct err *e)
{
    int grid;

    if (check_word("name", c->name, e) || check_word("vocab_file", c->vocab_file, e) ||
        clip_config_check(&c->clip, e) || vqgan_config_check(&c->vqgan, e) ||
        gpt_config_check(&c->gpt, e))
        return -1;
    grid = vqgan_grid(&c->vqgan);
    if (check_fit("gpt.tokens", c->gpt.tokens, grid * grid, "vqgan's grid", e) ||
        check_fit("gpt.vocab", c->gpt.vocab, c->vqgan.codebook, "vqgan.codebook", e) ||
        check_fit("gpt.cond_dim", c->gpt.cond_dim, c->clip.embed_dim, "clip.embed_dim", e))
        return -1;
    if (c->sampling.guidance != 1 && !c->gpt.null_cond)
        return err_set(e, ERR_INVALID, "sampling.guidance: %g needs gpt.null_cond",
                       (double)c->sampling.guidance);
    return 0;
}

/* ---- the whole ---- */

static int read_fields(json_t *root, struct document *d, struct err *e)
{
    if (!json_is_object(root))
        return err_set(e, ERR_FORMAT, "no JSON object");
    for (size_t i = 0; i < N_FIELDS; i++)
        if (read_field(&FIELDS[i], find(root, FIELDS[i].path), d, e))
            return -1;
    return check_known(root, "", e);
}

int bundle_config_parse(const char *text, size_t n, struct bundle_config *ret_config, struct err *e)
{
    struct document d = { 0 };
    json_error_t je;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
    int rc;

    if (!root)
        return err_set(e, ERR_FORMAT, "line %d: %s", je.line, je.text);
    rc = read_fields(root, &d, e) || bundle_config_check(&d.c, e) ? -1 : 0;
    json_decref(root);
    if (!rc)
        *ret_config = d.c;
    return rc;
}

static json_t *list_json(const struct field *f, const struct document *d)
{
    const char *from = (const char *)d + f->offset;
    int n = f->type == FIELD_INTS ? *(const int *)(const void *)((const char *)d + f->n_offset)
                                  : (int)f->max;
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, f->type == FIELD_INTS
                                        ? json_integer(((const int *)(const void *)from)[i])
                                        : json_real(((const float *)(const void *)from)[i]));
    return list;
}

static json_t *field_json(const struct field *f, const struct document *d)
{
    const void *from = (const char *)d + f->offset;

    switch (f->type) {
    case FIELD_INT:
        return json_integer(*(const int *)from);
    case FIELD_REAL:
        return json_real(*(const float *)from);
    case FIELD_TEXT:
        return json_string(from);
    case FIELD_SOURCES:
        return bundle_sources_json(&d->c);
    case FIELD_BOOL:
        return json_boolean(*(const bool *)from);
    default:
        return list_json(f, d);
    }
}

int bundle_config_format(const struct bundle_config *c, struct buf *out, struct err *e)
{
    const struct document d = { VERSION, *c };
    json_t *root = json_object();
    int failed = !root;

    for (size_t i = 0; i < N_FIELDS && !failed; i++)
        failed = put(root, FIELDS[i].path, field_json(&FIELDS[i], &d));
    if (!failed) /* 9 digits name every float */
        json_append(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9), out);
    json_decref(root);
    buf_puts(out, "\n");
    return failed ? err_set(e, ERR_INVALID, "config: text that is no UTF-8, or no memory")
                  : buf_check(out, e);
}

int bundle_config_read(const char *dir, struct bundle_config *ret_config, struct err *e)
{
    char *path = file_join(dir, BUNDLE_CONFIG);
    struct buf text;
    int rc;

    if (!path)
        return err_set(e, ERR_NOMEM, "no memory for a path");
    buf_init(&text, BUNDLE_CONFIG_MAX);
    rc = file_read(path, BUNDLE_CONFIG_MAX, &text, e);
    if (!rc && bundle_config_parse(text.data, text.len, ret_config, e))
        rc = err_prefix(e, "%s: ", path);
    buf_release(&text);
    mem_free(path);
    return rc;
}
