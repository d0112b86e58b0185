#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"

enum { READ_CHUNK = 64 * 1024 };

/* "path: what the system said" with the code that fits errno. */
static int set_errno(struct err *e, const char *path)
{
    enum err_code code = ERR_IO;

    if (errno == ENOENT || errno == ENOTDIR)
        code = ERR_NOT_FOUND;
    else if (errno == ENOMEM)
        code = ERR_NOMEM;
    return err_set(e, code, "%s: %s", path, strerror(errno));
}

static int set_nomem(struct err *e, const char *path)
{
    return err_set(e, ERR_NOMEM, "%s: out of memory", path);
}

/* ---- reading ---- */

static int open_regular(const char *path, size_t max, int *ret_fd, size_t *ret_size, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int status;

    if (fd < 0)
        return set_errno(e, path);
    if (fstat(fd, &st))
        status = set_errno(e, path);
    else if (!S_ISREG(st.st_mode))
        status = err_set(e, ERR_IO, "%s: not a regular file", path);
    else if ((uintmax_t)st.st_size > max)
        status = err_set(e, ERR_TOO_LARGE, "%s: %jd bytes, more than %zu", path,
                         (intmax_t)st.st_size, max);
    else
        status = 0;
    if (status) {
        close(fd);
        return status;
    }
    *ret_fd = fd;
    *ret_size = (size_t)st.st_size;
    return 0;
}

int file_map_open(const char *path, size_t max, struct file_map *ret_map, struct err *e)
{
    struct file_map map = { NULL, 0 };
    void *data = NULL;
    int fd = -1;

    if (open_regular(path, max, &fd, &map.size, e))
        return -1;
    if (map.size)
        data = mmap(NULL, map.size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd); /* the mapping stays */
    if (data == MAP_FAILED)
        return set_errno(e, path);
    map.data = data;
    *ret_map = map;
    return 0;
}

void file_map_close(struct file_map *m)
{
    if (m->data)
        munmap((void *)(uintptr_t)m->data, m->size);
    m->data = NULL;
    m->size = 0;
}

/* Appends what is left of fd; stops one byte over max. */
static int read_all(int fd, const char *path, size_t max, struct buf *b, struct err *e)
{
    char chunk[READ_CHUNK];
    size_t total = 0;
    ssize_t n;

    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return set_errno(e, path);
        total += (size_t)n;
        if (total > max)
            return err_set(e, ERR_TOO_LARGE, "%s: more than %zu bytes", path, max);
        buf_append(b, chunk, (size_t)n);
    }
    return buf_check(b, e) ? err_prefix(e, "%s: ", path) : 0;
}

int file_read(const char *path, size_t max, struct buf *ret_buf, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int status;

    if (fd < 0)
        return set_errno(e, path);
    status = read_all(fd, path, max, ret_buf, e);
    close(fd);
    return status;
}

/* ---- writing ---- */

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
        return set_nomem(e, path);
    }
    f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd < 0) {
        set_errno(e, path);
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
            set_errno(&f->err, f->path);
            f->failed = true;
            return;
        }
        from += done;
        n -= (size_t)done;
        f->written += (size_t)done;
    }
}

/* A rename is durable only when the directory that holds the name is. */
static int sync_dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? mem_strndup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int status = fd < 0 ? -1 : fsync(fd);

    if (status && fd >= 0 && errno == EINVAL)
        status = 0; /* file systems that cannot sync a directory */
    if (fd >= 0)
        close(fd);
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
        return set_errno(e, f->path);
    f->fd = -1;
    if (close(fd) || rename(f->tmp, f->path))
        return set_errno(e, f->path);
    mem_free(f->tmp); /* the name is gone: nothing for abort to remove */
    f->tmp = NULL;
    return sync_dir_of(f->path) ? set_errno(e, f->path) : 0;
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

/* ---- names ---- */

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int make_dir(const char *path, struct err *e)
{
    struct stat st;

    if (mkdir(path, 0777) == 0)
        return 0;
    if (errno != EEXIST || stat(path, &st))
        return set_errno(e, path);
    return S_ISDIR(st.st_mode) ? 0 : err_set(e, ERR_IO, "%s: exists and is not a directory", path);
}

int file_make_dirs(const char *path, struct err *e)
{
    char *copy = mem_strdup(path);
    int status = 0;

    if (!copy)
        return set_nomem(e, path);
    for (char *slash = strchr(copy + 1, '/'); slash && !status; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_dir(copy, e);
        *slash = '/';
    }
    mem_free(copy);
    return status ? status : make_dir(path, e);
}

char *file_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);
    const char *between = n && dir[n - 1] != '/' ? "/" : "";
    size_t size = n + 1 + strlen(name) + 1;
    char *path = mem_alloc(size, 1);

    if (path)
        snprintf(path, size, "%s%s%s", dir, between, name);
    return path;
}

struct name_list {
    char **names;
    size_t n, cap;
};

static int name_list_add(struct name_list *l, const char *name)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        char **names = mem_resize(l->names, cap, sizeof *names);
        if (!names)
            return -1;
        l->names = names;
        l->cap = cap;
    }
    l->names[l->n] = mem_strdup(name);
    return l->names[l->n++] ? 0 : -1;
}

static int read_names(DIR *d, const char *dir, size_t max, struct name_list *l, struct err *e)
{
    struct dirent *entry;

    while (errno = 0, (entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (l->n == max)
            return err_set(e, ERR_TOO_LARGE, "%s: more than %zu entries", dir, max);
        if (name_list_add(l, entry->d_name))
            return set_nomem(e, dir);
    }
    return errno ? set_errno(e, dir) : 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_list(const char *dir, size_t max, char ***ret_names, size_t *ret_n, struct err *e)
{
    struct name_list l = { NULL, 0, 0 };
    DIR *d = opendir(dir);
    int status;

    if (!d)
        return set_errno(e, dir);
    status = read_names(d, dir, max, &l, e);
    closedir(d);
    if (status) {
        file_list_free(l.names, l.n);
        return -1;
    }
    if (l.n)
        qsort(l.names, l.n, sizeof *l.names, compare_names);
    *ret_names = l.names;
    *ret_n = l.n;
    return 0;
}

void file_list_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(names[i]);
    mem_free(names);
}
