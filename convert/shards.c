#include "convert/shards.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "convert/json.h"

bool shards_is_index(const char *path)
{
    static const char end[] = ".index.json";
    size_t n = strlen(path), k = sizeof end - 1;

    return n > k && !strcmp(path + n - k, end);
}

static json_t *weight_map(const struct shards *s)
{
    return json_object_get(s->index, "weight_map");
}

static int check_file_name(const char *name, struct err *e)
{
    if (!name || !*name || strchr(name, '/') || *name == '.')
        return err_set(e, ERR_FORMAT, "weight_map: '%.64s' is no plain file name",
                       name ? name : "(no text)");
    return 0;
}

static bool known(const struct shards *s, const char *path)
{
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->path[i], path))
            return true;
    return false;
}

static int add_path(struct shards *s, const char *dir, const char *name, struct err *e)
{
    char *path = file_join(dir, name);

    if (!path)
        return err_set(e, ERR_NOMEM, "no memory for a path");
    if (known(s, path)) {
        mem_free(path);
        return 0;
    }
    if (s->n == SHARDS_MAX) {
        mem_free(path);
        return err_set(e, ERR_TOO_LARGE, "weight_map: more than %d files", SHARDS_MAX);
    }
    s->path[s->n++] = path;
    return 0;
}

static int read_paths(struct shards *s, const char *dir, struct err *e)
{
    const char *tensor;
    json_t *file;

    if (!json_is_object(weight_map(s)))
        return err_set(e, ERR_FORMAT, "weight_map is missing or no object");
    json_object_foreach (weight_map(s), tensor, file) {
        const char *name = json_string_value(file);
        if (check_file_name(name, e) || add_path(s, dir, name, e))
            return err_prefix(e, "tensor %.96s: ", tensor);
    }
    return 0;
}

int shards_read(const char *path, struct shards *ret_shards, struct err *e)
{
    struct shards s = { 0 };
    char *dir = file_parent(path);
    json_t *index = NULL;
    int failed = dir ? json_read(path, SHARDS_INDEX_MAX, &index, e)
                     : err_set(e, ERR_NOMEM, "no memory for a path");

    s.index = index;
    if (!failed && read_paths(&s, dir, e))
        failed = err_prefix(e, "%s: ", path);
    mem_free(dir);
    if (failed)
        shards_release(&s);
    else
        *ret_shards = s;
    return failed;
}

void shards_release(struct shards *s)
{
    for (size_t i = 0; i < s->n; i++)
        mem_free(s->path[i]);
    json_decref(s->index);
    *s = (struct shards){ 0 };
}

int shards_check(const struct shards *s, const struct tensors *t, struct err *e)
{
    const char *tensor;
    json_t *file;

    json_object_foreach (weight_map(s), tensor, file) {
        if (!tensors_find(t, tensor))
            return err_set(e, ERR_FORMAT, "tensor %.96s is not in %.64s", tensor,
                           json_string_value(file));
    }
    for (size_t i = 0; i < t->n; i++)
        if (!json_object_get(weight_map(s), t->item[i].name))
            return err_set(e, ERR_FORMAT, "tensor %.96s is in a file, but not in the index",
                           t->item[i].name);
    return 0;
}
