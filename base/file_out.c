/*
 * Atomic writing: a temporary name beside the file, sync, rename, sync of the directory.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"

/* "path.RANDOM.tmp": beside path, so that rename stays within one file system. */
static char *temporary_name(const char *path)
{
    size_t size = strlen(path) + 32;
    char *tmp = mem_alloc(size, 1);

    if (tmp)
        snprintf(tmp, size, "%s.%016" PRIx64 ".tmp", path, rng_seed_from_system());
    return tmp;
}

static void release_out(struct file_out *f)
{
    if (f->fd >= 0)
        close(f->fd);
    mem_free(f->path);
    mem_free(f->tmp);
    f->fd = -1;
    f->path = f->tmp = NULL;
}

int file_out_open(struct file_out *f, const char *path, struct err *e)
{
    memset(f, 0, sizeof *f);
    f->fd = -1;
    f->path = mem_strdup(path);
    f->tmp = temporary_name(path);
    if (!f->path || !f->tmp) {
        release_out(f);
        return err_set(e, ERR_NOMEM, "%s: out of memory", path);
    }
    f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd < 0) {
        err_errno(e, path);
        release_out(f);
        return -1;
    }
    return 0;
}

void file_out_write(struct file_out *f, const void *data, size_t n)
{
    const char *from = data;

    while (n && !f->failed) {
        ssize_t done = write(f->fd, from, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            err_errno(&f->err, f->path);
            f->failed = true;
            return;
        }
        from += done;
        n -= (size_t)done;
        f->written += (size_t)done;
    }
}

int file_sync_dir(const char *dir, struct err *e)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = fd < 0 ? -1 : fsync(fd);

    if (status && fd >= 0 && errno == EINVAL)
        status = 0; /* file systems that cannot sync a directory */
    if (status)
        err_errno(e, dir);
    if (fd >= 0)
        close(fd);
    return status;
}

/* A rename is durable only when the directory that holds the name is. */
int file_sync_parent(const char *path, struct err *e)
{
    char *dir = file_parent(path);
    int status = dir ? file_sync_dir(dir, e) : err_set(e, ERR_NOMEM, "%s: out of memory", path);

    mem_free(dir);
    return status;
}

static int sync_and_rename(struct file_out *f, struct err *e)
{
    int fd = f->fd;

    if (f->failed) {
        if (e)
            *e = f->err;
        return -1;
    }
    if (fsync(fd))
        return err_errno(e, f->path);
    f->fd = -1;
    if (close(fd) || rename(f->tmp, f->path))
        return err_errno(e, f->path);
    mem_free(f->tmp); /* the name is gone: nothing for abort to remove */
    f->tmp = NULL;
    return file_sync_parent(f->path, e);
}

int file_out_commit(struct file_out *f, struct err *e)
{
    int status = sync_and_rename(f, e);

    file_out_abort(f);
    return status;
}

void file_out_abort(struct file_out *f)
{
    if (f->tmp)
        unlink(f->tmp);
    release_out(f);
}

int file_write(const char *path, const void *data, size_t n, struct err *e)
{
    struct file_out f;

    if (file_out_open(&f, path, e))
        return -1;
    file_out_write(&f, data, n);
    return file_out_commit(&f, e);
}
