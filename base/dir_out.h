/*
 * A directory that appears whole or not at all: files go to a temporary name beside it, which is
 * synced and renamed at the end.
 *
 *     struct dir_out d;
 *     if (dir_out_open(&d, "models/mine", e)) ...     fails when it is there already, unless empty
 *     ... write files into d.tmp ...
 *     if (dir_out_commit(&d, e)) ...                  0: the directory is there, durably
 *     dir_out_abort(&d);                              instead of commit; or after anything:
 * harmless
 */
#ifndef BASE_DIR_OUT_H
#define BASE_DIR_OUT_H

#include "base/err.h"

struct dir_out {
    char *path, *tmp; /* owned */
};

int dir_out_open(struct dir_out *d, const char *path, struct err *e);
int dir_out_commit(struct dir_out *d, struct err *e);
/* Removes the temporary directory and the files in it. */
void dir_out_abort(struct dir_out *d);

#endif
