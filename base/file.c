/*
 * Reading. Writing: file_out.c. Names and directories: file_dir.c.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_CHUNK = 64 * 1024 };

static int open_regular(const char *path, size_t max, int *ret_fd, size_t *ret_size, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not keep us waiting */
    int status;

    if (fd < 0)
        return err_errno(e, path);
    if (fstat(fd, &st))
        status = err_errno(e, path);
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
        return err_errno(e, path);
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

void file_map_forget(const void *data, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)data + n) / page * page;

    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED); /* a hint: it may fail */
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
            return err_errno(e, path);
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
        return err_errno(e, path);
    status = read_all(fd, path, max, ret_buf, e);
    close(fd);
    return status;
}
