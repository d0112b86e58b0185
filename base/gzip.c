#include "base/gzip.h"

#include <errno.h>
#include <zlib.h>

enum { CHUNK = 64 * 1024 };

/* What went wrong after a read that gave less than it should; Z_OK: nothing did. */
static int set_read_error(gzFile gz, const char *path, struct err *e)
{
    int status;
    const char *words = gzerror(gz, &status);

    if (status == Z_ERRNO)
        return err_errno(e, path);
    if (status == Z_BUF_ERROR)
        return err_set(e, ERR_FORMAT, "%s: the gzip data ends early", path);
    if (status != Z_OK && status != Z_STREAM_END)
        return err_set(e, ERR_FORMAT, "%s", words); /* zlib puts the path in front */
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
        return errno ? err_errno(e, path) : err_set(e, ERR_NOMEM, "%s: out of memory", path);
    status = read_all(gz, path, max, ret, e);
    gzclose(gz);
    return status;
}
