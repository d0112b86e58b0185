#include "base/gzip.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum { CHUNK = 64 * 1024 };

static int set_open_error(const char *path, struct err *e)
{
    enum err_code code = errno == ENOENT ? ERR_NOT_FOUND : errno == 0 ? ERR_NOMEM : ERR_IO;

    return err_set(e, code, "%s: %s", path, errno ? strerror(errno) : "out of memory");
}

/* What went wrong after a read that gave less than it should; Z_OK: nothing did. */
static int set_read_error(gzFile gz, const char *path, struct err *e)
{
    int status;
    const char *words = gzerror(gz, &status);

    if (status == Z_ERRNO)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (status == Z_BUF_ERROR)
        return err_set(e, ERR_FORMAT, "%s: the gzip data ends early", path);
    if (status != Z_OK && status != Z_STREAM_END)
        return err_set(e, ERR_FORMAT, "%s: bad gzip data: %s", path, words);
    return 0;
}

static int read_all(gzFile gz, const char *path, size_t max, struct buf *ret, struct err *e)
{
    char chunk[CHUNK];
    size_t total = 0;
    int n;

    while ((n = gzread(gz, chunk, sizeof chunk)) > 0) {
        total += (size_t)n;
        if (total > max)
            return err_set(e, ERR_TOO_LARGE, "%s: more than %zu bytes", path, max);
        buf_append(ret, chunk, (size_t)n);
    }
    if (set_read_error(gz, path, e))
        return -1;
    return buf_check(ret, e) ? err_prefix(e, "%s: ", path) : 0;
}

int gzip_read(const char *path, size_t max, struct buf *ret, struct err *e)
{
    gzFile gz;
    int status;

    errno = 0; /* gzopen sets it only when the system refused */
    gz = gzopen(path, "rb");
    if (!gz)
        return set_open_error(path, e);
    status = read_all(gz, path, max, ret, e);
    gzclose(gz);
    return status;
}
