/*
 * ZIP archives as torch.save writes them since 1.6: every record stored, not compressed, so that a
 * record is a range of the file and tensors are read where they lie. minizip lives in zip.c.
 */
#ifndef CONVERT_ZIP_H
#define CONVERT_ZIP_H

#include <stddef.h>

#include "base/err.h"

#define ZIP_RECORDS_MAX 131072
#define ZIP_NAME_MAX 512 /* bytes */

struct zip_record {
    const char *name;
    const unsigned char *data; /* inside the archive; NULL unless it is stored */
    size_t bytes;
};

struct zip;

/* Reads the directory of an archive in memory, which must outlive it. */
int zip_open(const void *data, size_t size, struct zip **ret_zip, struct err *e);
void zip_close(struct zip *z);
size_t zip_n(const struct zip *z);
const struct zip_record *zip_at(const struct zip *z, size_t i); /* sorted by name */
/* NOT_FOUND without such a record, UNSUPPORTED if it is compressed. */
int zip_find(const struct zip *z, const char *name, const struct zip_record **ret_record,
             struct err *e);

#endif
