/*
 * minizip reads the directory through the calls below, from memory. Where a record's bytes lie is
 * checked against the archive; nothing else of a record is believed.
 */
#include "convert/zip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <minizip/unzip.h>

#include "base/mem.h"

#define FLAG_ENCRYPTED 1

struct zip {
    const unsigned char *data;
    size_t size;
    struct zip_record *record; /* [n], names owned, sorted */
    size_t n, cap;
};

/* ---- the archive as a stream, for minizip ---- */

struct stream {
    const unsigned char *data;
    size_t size, at;
};

static voidpf stream_open(voidpf opaque, const void *name, int mode)
{
    (void)name, (void)mode;
    return opaque;
}

static uLong stream_read(voidpf opaque, voidpf file, void *to, uLong n)
{
    struct stream *s = file;
    size_t left = s->size - s->at;

    (void)opaque;
    n = n < left ? n : (uLong)left;
    if (n)
        memcpy(to, s->data + s->at, n);
    s->at += n;
    return n;
}

static ZPOS64_T stream_tell(voidpf opaque, voidpf file)
{
    (void)opaque;
    return ((struct stream *)file)->at;
}

static long stream_seek(voidpf opaque, voidpf file, ZPOS64_T offset, int origin)
{
    struct stream *s = file;
    size_t base = origin == ZLIB_FILEFUNC_SEEK_CUR   ? s->at
                  : origin == ZLIB_FILEFUNC_SEEK_END ? s->size
                                                     : 0;

    (void)opaque;
    if (offset > s->size - base)
        return -1;
    s->at = base + (size_t)offset;
    return 0;
}

static int stream_done(voidpf opaque, voidpf file)
{
    (void)opaque, (void)file;
    return 0;
}

static unzFile open_stream(struct stream *s)
{
    zlib_filefunc64_def calls = {
        .zopen64_file = stream_open,
        .zread_file = stream_read,
        .ztell64_file = stream_tell,
        .zseek64_file = stream_seek,
        .zclose_file = stream_done,
        .zerror_file = stream_done,
        .opaque = s,
    };

    return unzOpen2_64("", &calls);
}

/* ---- records ---- */

/* Where the current record's bytes lie. */
static int locate(const struct zip *z, unzFile f, const unz_file_info64 *info, struct zip_record *r,
                  struct err *e)
{
    ZPOS64_T at;

    if (unzOpenCurrentFile2(f, NULL, NULL, 1) != UNZ_OK)
        return err_set(e, ERR_FORMAT, "record %s: its header does not agree with the directory",
                       r->name);
    at = unzGetCurrentFileZStreamPos64(f);
    unzCloseCurrentFile(f);
    if (info->compressed_size != info->uncompressed_size)
        return err_set(e, ERR_FORMAT, "record %s: %llu bytes stored as %llu", r->name,
                       (unsigned long long)info->uncompressed_size,
                       (unsigned long long)info->compressed_size);
    if (at > z->size || info->compressed_size > z->size - at)
        return err_set(e, ERR_FORMAT, "record %s: bytes %llu + %llu are outside the file's %zu",
                       r->name, (unsigned long long)at, (unsigned long long)info->compressed_size,
                       z->size);
    r->data = z->data + at;
    return 0;
}

static int reserve(struct zip *z, struct err *e)
{
    struct zip_record *record;

    if (z->n >= ZIP_RECORDS_MAX)
        return err_set(e, ERR_TOO_LARGE, "more than %d records", ZIP_RECORDS_MAX);
    record = mem_grow(z->record, z->n, &z->cap, sizeof *record);
    if (!record)
        return err_set(e, ERR_NOMEM, "no memory for more than %zu records", z->n);
    z->record = record;
    return 0;
}

static int add_current(struct zip *z, unzFile f, struct err *e)
{
    char name[ZIP_NAME_MAX + 1] = "";
    unz_file_info64 info;
    struct zip_record r = { 0 };

    if (unzGetCurrentFileInfo64(f, &info, name, sizeof name - 1, NULL, 0, NULL, 0) != UNZ_OK)
        return err_set(e, ERR_FORMAT, "record %zu: its entry is damaged", z->n);
    if (info.size_filename > ZIP_NAME_MAX)
        return err_set(e, ERR_FORMAT, "record %zu: a name of %lu bytes, at most %d are allowed",
                       z->n, info.size_filename, ZIP_NAME_MAX);
    if (info.flag & FLAG_ENCRYPTED)
        return err_set(e, ERR_UNSUPPORTED, "record %s is encrypted", name);
    if (reserve(z, e))
        return -1;
    r.name = mem_strdup(name);
    if (!r.name)
        return err_set(e, ERR_NOMEM, "no memory for a name");
    r.bytes = (size_t)info.uncompressed_size;
    z->record[z->n++] = r;
    return info.compression_method ? 0 : locate(z, f, &info, &z->record[z->n - 1], e);
}

static int compare_records(const void *a, const void *b)
{
    return strcmp(((const struct zip_record *)a)->name, ((const struct zip_record *)b)->name);
}

static int sort_records(struct zip *z, struct err *e)
{
    if (z->n)
        qsort(z->record, z->n, sizeof *z->record, compare_records);
    for (size_t i = 1; i < z->n; i++)
        if (!compare_records(&z->record[i - 1], &z->record[i]))
            return err_set(e, ERR_FORMAT, "record %s is there twice", z->record[i].name);
    return 0;
}

static int read_directory(struct zip *z, struct err *e)
{
    struct stream s = { z->data, z->size, 0 };
    unzFile f = open_stream(&s);
    int status, failed = 0;

    if (!f)
        return err_set(e, ERR_FORMAT,
                       "no directory at the end of the archive: the file is cut off or damaged");
    for (status = unzGoToFirstFile(f); status == UNZ_OK && !failed; status = unzGoToNextFile(f))
        failed = add_current(z, f, e);
    unzClose(f);
    if (!failed && status != UNZ_END_OF_LIST_OF_FILE)
        failed =
            err_set(e, ERR_FORMAT, "the archive's directory is damaged after %zu records", z->n);
    return failed ? -1 : sort_records(z, e);
}

/* ---- */

int zip_open(const void *data, size_t size, struct zip **ret_zip, struct err *e)
{
    struct zip *z = mem_alloc(1, sizeof *z);

    if (!z)
        return err_set(e, ERR_NOMEM, "no memory for an archive");
    z->data = data;
    z->size = size;
    if (read_directory(z, e)) {
        zip_close(z);
        return -1;
    }
    *ret_zip = z;
    return 0;
}

void zip_close(struct zip *z)
{
    if (!z)
        return;
    for (size_t i = 0; i < z->n; i++)
        mem_free((void *)(uintptr_t)z->record[i].name);
    mem_free(z->record);
    mem_free(z);
}

size_t zip_n(const struct zip *z)
{
    return z->n;
}

const struct zip_record *zip_at(const struct zip *z, size_t i)
{
    return &z->record[i];
}

int zip_find(const struct zip *z, const char *name, const struct zip_record **ret_record,
             struct err *e)
{
    const struct zip_record key = { .name = name };
    const struct zip_record *r =
        z->n ? bsearch(&key, z->record, z->n, sizeof *z->record, compare_records) : NULL;

    if (!r)
        return err_set(e, ERR_NOT_FOUND, "the archive has no record %s", name);
    if (!r->data)
        return err_set(e, ERR_UNSUPPORTED,
                       "record %s is compressed; torch stores its records: unpack the archive and "
                       "pack it with zip -0",
                       name);
    *ret_record = r;
    return 0;
}
