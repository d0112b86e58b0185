#include "convert/checkpoint.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "convert/shards.h"
#include "convert/torch_file.h"

struct checkpoint {
    const char *container;
    struct tensors tensors;
    struct {
        char *path;
        struct file_map map;
        struct weights *weights; /* safetensors: its header has the names */
    } file[CHECKPOINT_FILES_MAX];
    size_t n_files;
};

/* ---- containers ---- */

struct bytes {
    const unsigned char *data;
    size_t size;
};

static bool is_zip(const struct bytes *b)
{
    return b->size >= 4 && !memcmp(b->data, "PK\3\4", 4);
}

static int read_zip(struct checkpoint *c, const struct bytes *b, const char *key, struct err *e)
{
    bool script = false;
    int failed = torch_zip_read(b->data, b->size, key, &c->tensors, &script, e);

    c->container = script ? "TorchScript archive" : "torch archive";
    return failed;
}

static bool is_legacy(const struct bytes *b)
{
    return torch_legacy_looks_like(b->data, b->size);
}

static int read_legacy(struct checkpoint *c, const struct bytes *b, const char *key, struct err *e)
{
    return torch_legacy_read(b->data, b->size, key, &c->tensors, e);
}

static int add_entries(struct checkpoint *c, const struct weights *w, struct err *e)
{
    for (int i = 0; i < weights_n(w); i++) {
        const struct weights_entry *t = weights_at(w, i);
        struct view v = view_of(t->dtype, t->n_dims, t->dim, t->data);
        if (tensors_add(&c->tensors, t->name, &v, e))
            return -1;
    }
    return 0;
}

static bool is_safetensors(const struct bytes *b)
{
    return b->size > 8 && b->data[8] == '{';
}

static int read_safetensors(struct checkpoint *c, const struct bytes *b, const char *key,
                            struct err *e)
{
    struct weights **w = &c->file[c->n_files - 1].weights;

    if (key)
        return err_set(e, ERR_INVALID, "safetensors hold no dictionaries: --key has no meaning");
    return weights_open_memory(b->data, b->size, w, e) || add_entries(c, *w, e) ? -1 : 0;
}

static bool begins_with(const struct bytes *b, const char *text)
{
    size_t n = strlen(text);

    return b->size >= n && !memcmp(b->data, text, n);
}

static bool is_tar(const struct bytes *b)
{
    return b->size > 262 && !memcmp(b->data + 257, "ustar", 5);
}

static bool is_lfs_pointer(const struct bytes *b)
{
    return begins_with(b, "version https://git-lfs");
}

static bool is_web_page(const struct bytes *b)
{
    return begins_with(b, "<!DOCTYPE") || begins_with(b, "<!doctype") || begins_with(b, "<html");
}

static bool is_raw_pickle(const struct bytes *b)
{
    return begins_with(b, "\x80\x02") || begins_with(b, "\x80\x03") || begins_with(b, "\x80\x04") ||
           begins_with(b, "\x80\x05");
}

/* The first row that recognises the bytes reads them, or says why it does not. */
static const struct {
    const char *name;
    bool (*is)(const struct bytes *b);
    int (*read)(struct checkpoint *c, const struct bytes *b, const char *key, struct err *e);
} CONTAINERS[] = {
    { "torch archive", is_zip, read_zip },
    { "torch before 1.6", is_legacy, read_legacy },
    { "safetensors", is_safetensors, read_safetensors },
    { "a tar archive (torch before 0.1.10); load it once with a newer torch and save it", is_tar,
      NULL },
    { "a pickle, but not one of torch.save", is_raw_pickle, NULL },
    { "a Git LFS pointer, not the weights; fetch them with git lfs pull", is_lfs_pointer, NULL },
    { "a web page, not the weights; the download went wrong", is_web_page, NULL },
};

static int read_container(struct checkpoint *c, const struct bytes *b, const char *key,
                          struct err *e)
{
    for (size_t i = 0; i < sizeof CONTAINERS / sizeof *CONTAINERS; i++) {
        if (!CONTAINERS[i].is(b))
            continue;
        if (!CONTAINERS[i].read)
            return err_set(e, ERR_UNSUPPORTED, "%s", CONTAINERS[i].name);
        c->container = CONTAINERS[i].name;
        return CONTAINERS[i].read(c, b, key, e);
    }
    return err_set(e, ERR_FORMAT, "no torch file and no safetensors");
}

/* ---- files ---- */

static int add_file(struct checkpoint *c, const char *path, const char *key, struct err *e)
{
    struct bytes b;

    if (c->n_files == CHECKPOINT_FILES_MAX)
        return err_set(e, ERR_TOO_LARGE, "more than %d files", CHECKPOINT_FILES_MAX);
    c->file[c->n_files].path = mem_strdup(path);
    if (!c->file[c->n_files].path)
        return err_set(e, ERR_NOMEM, "no memory for a path");
    c->n_files++;
    if (file_map_open(path, SIZE_MAX, &c->file[c->n_files - 1].map, e))
        return -1;
    b = (struct bytes){ c->file[c->n_files - 1].map.data, c->file[c->n_files - 1].map.size };
    return read_container(c, &b, key, e) ? err_prefix(e, "%s: ", path) : 0;
}

static int add_shards(struct checkpoint *c, const char *index_path, struct err *e)
{
    struct shards s;
    int failed = 0;

    if (shards_read(index_path, &s, e))
        return -1;
    for (size_t i = 0; i < s.n && !failed; i++)
        failed = add_file(c, s.path[i], NULL, e);
    if (!failed && !(failed = tensors_index(&c->tensors, e)))
        failed = shards_check(&s, &c->tensors, e) ? err_prefix(e, "%s: ", index_path) : 0;
    shards_release(&s);
    c->container = "safetensors in shards";
    return failed;
}

/* What a directory may hold, the first that is there is taken. */
static const char *const USUAL_NAMES[] = {
    "model.safetensors", "model.safetensors.index.json", "open_clip_model.safetensors",
    "pytorch_model.bin", "open_clip_pytorch_model.bin",  "model.pt",
};
#define N_USUAL (sizeof USUAL_NAMES / sizeof *USUAL_NAMES)

/* The file that a path means; mem_free. */
static int choose_file(const char *path, char **ret_file, struct err *e)
{
    if (!file_is_dir(path)) {
        *ret_file = mem_strdup(path);
        return *ret_file ? 0 : err_set(e, ERR_NOMEM, "no memory for a path");
    }
    for (size_t i = 0; i < N_USUAL; i++) {
        char *file = file_join(path, USUAL_NAMES[i]);
        if (!file)
            return err_set(e, ERR_NOMEM, "no memory for a path");
        if (file_exists(file)) {
            *ret_file = file;
            return 0;
        }
        mem_free(file);
    }
    return err_set(e, ERR_NOT_FOUND,
                   "%s: no model.safetensors, model.safetensors.index.json, pytorch_model.bin or "
                   "open_clip_* in this directory",
                   path);
}

/* ---- */

static int finish(struct checkpoint *c, struct err *e)
{
    if (!c->tensors.n)
        return err_set(e, ERR_FORMAT, "no tensor is in it");
    tensors_strip(&c->tensors, "module.");
    tensors_strip(&c->tensors, "_orig_mod.");
    return tensors_index(&c->tensors, e);
}

static int open_path(struct checkpoint *c, const char *path, const char *key, struct err *e)
{
    char *file;
    int failed;

    if (choose_file(path, &file, e))
        return -1;
    failed = shards_is_index(file) ? add_shards(c, file, e) : add_file(c, file, key, e);
    if (!failed && finish(c, e))
        failed = err_prefix(e, "%s: ", file);
    mem_free(file);
    return failed;
}

int checkpoint_open(const char *path, const char *key, struct checkpoint **ret_checkpoint,
                    struct err *e)
{
    struct checkpoint *c = mem_alloc(1, sizeof *c);

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for a checkpoint");
    if (open_path(c, path, key, e)) {
        checkpoint_close(c);
        return -1;
    }
    *ret_checkpoint = c;
    return 0;
}

int checkpoint_open_memory(const void *data, size_t size, const char *key,
                           struct checkpoint **ret_checkpoint, struct err *e)
{
    struct checkpoint *c = mem_alloc(1, sizeof *c);
    const struct bytes b = { data, size };

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for a checkpoint");
    c->n_files = 1;
    if (read_container(c, &b, key, e) || finish(c, e)) {
        checkpoint_close(c);
        return -1;
    }
    *ret_checkpoint = c;
    return 0;
}

void checkpoint_close(struct checkpoint *c)
{
    if (!c)
        return;
    tensors_release(&c->tensors);
    for (size_t i = 0; i < c->n_files; i++) {
        weights_close(c->file[i].weights);
        file_map_close(&c->file[i].map);
        mem_free(c->file[i].path);
    }
    mem_free(c);
}

const char *checkpoint_container(const struct checkpoint *c)
{
    return c->container;
}

const struct tensors *checkpoint_tensors(const struct checkpoint *c)
{
    return &c->tensors;
}

size_t checkpoint_n_files(const struct checkpoint *c)
{
    return c->n_files;
}

const char *checkpoint_file(const struct checkpoint *c, size_t i)
{
    return c->file[i].path;
}

void checkpoint_digest(const struct checkpoint *c, size_t i, char ret_text[SHA256_TEXT_BYTES])
{
    sha256_map(&c->file[i].map, ret_text);
}
