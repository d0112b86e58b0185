#include "base/dir_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"

#define FILES_MAX 1024

static void release(struct dir_out *d)
{
    mem_free(d->path);
    mem_free(d->tmp);
    *d = (struct dir_out){ 0 };
}

/* "path.RANDOM.tmp", without the slashes that path may end with. */
static int name_it(struct dir_out *d, const char *path, struct err *e)
{
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/')
        n--;
    d->path = mem_strndup(path, n);
    d->tmp = mem_alloc(n + 32, 1);
    if (!d->path || !d->tmp)
        return err_set(e, ERR_NOMEM, "%s: out of memory", path);
    snprintf(d->tmp, n + 32, "%s.%016" PRIx64 ".tmp", d->path, rng_seed_from_system());
    return 0;
}

/* A directory with files in it is somebody's. */
static int check_free(const char *path, struct err *e)
{
    char **names;
    size_t n;

    if (!file_exists(path))
        return 0;
    if (file_list(path, FILES_MAX, &names, &n, e))
        return -1;
    file_list_free(names, n);
    return n ? err_set(e, ERR_INVALID, "%s: exists and is not empty", path) : 0;
}

int dir_out_open(struct dir_out *d, const char *path, struct err *e)
{
    *d = (struct dir_out){ 0 };
    if (name_it(d, path, e) || check_free(d->path, e) || file_make_dirs(d->tmp, e)) {
        release(d);
        return -1;
    }
    return 0;
}

/* rename takes the place of an empty directory. */
static int sync_and_rename(struct dir_out *d, struct err *e)
{
    if (file_sync_dir(d->tmp, e))
        return -1;
    if (rename(d->tmp, d->path))
        return err_errno(e, d->path);
    mem_free(d->tmp); /* the name is gone: nothing for abort to remove */
    d->tmp = NULL;
    return file_sync_parent(d->path, e);
}

int dir_out_commit(struct dir_out *d, struct err *e)
{
    int status = sync_and_rename(d, e);

    dir_out_abort(d);
    return status;
}

static void remove_files(const char *dir)
{
    char **names;
    size_t n;

    if (file_list(dir, FILES_MAX, &names, &n, NULL))
        return;
    for (size_t i = 0; i < n; i++) {
        char *file = file_join(dir, names[i]);
        if (file)
            unlink(file);
        mem_free(file);
    }
    file_list_free(names, n);
}

void dir_out_abort(struct dir_out *d)
{
    if (d->tmp) {
        remove_files(d->tmp);
        rmdir(d->tmp);
    }
    release(d);
}
