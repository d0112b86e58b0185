/*
 * Files: read whole or mapped, with a limit; written so that a reader sees the old or the new one,
 * never half.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct file_map {
    const unsigned char *data; /* read only; NULL when size is 0 */
    size_t size;
};

/* Maps a regular file of at most max bytes. */
int file_map_open(const char *path, size_t max, struct file_map *ret_map, struct err *e);
void file_map_close(struct file_map *m);
/* The pages of n bytes inside a map are not wanted for now: they leave this process' memory and are
 * read again from the file when they are touched. */
void file_map_forget(const void *data, size_t n);

/* Reads a whole file of at most max bytes into an initialised buf. */
int file_read(const char *path, size_t max, struct buf *ret_buf, struct err *e);

/*
 * Atomic write: bytes go to a temporary name beside path, are synced, then take the name.
 *     struct file_out f;
 *     if (file_out_open(&f, path, e)) ...
 *     file_out_write(&f, data, n);       sticky: ask once, at the end
 *     if (file_out_commit(&f, e)) ...     0: path is the new file, durably
 *     file_out_abort(&f);                 instead of commit; or after anything: harmless
 */
struct file_out {
    int fd;
    char *path, *tmp;
    size_t written;
    bool failed;
    struct err err;
};
int file_out_open(struct file_out *f, const char *path, struct err *e);
void file_out_write(struct file_out *f, const void *data, size_t n);
int file_out_commit(struct file_out *f, struct err *e);
void file_out_abort(struct file_out *f);
/* All of the above in one call. */
int file_write(const char *path, const void *data, size_t n, struct err *e);

/* The names in a directory, and those of the directory that holds path, survive a crash from here.
 */
int file_sync_dir(const char *dir, struct err *e);
int file_sync_parent(const char *path, struct err *e);

bool file_exists(const char *path);
/* A number that is another one once the file is: of device, inode, size and time of change. 0:
 * there is none. */
uint64_t file_version(const char *path);
bool file_is_dir(const char *path);
/* The directory that holds path: "a/b" -> "a", "b" -> "."; NULL when memory is out. mem_free. */
char *file_parent(const char *path);
/* mkdir -p, mode 0777 & ~umask. */
int file_make_dirs(const char *path, struct err *e);
/* "dir/name" (no double slash); NULL when memory is out. mem_free. */
char *file_join(const char *dir, const char *name);
/* Names in a directory, without . and .., sorted bytewise; fails over max entries. */
int file_list(const char *dir, size_t max, char ***ret_names, size_t *ret_n, struct err *e);
void file_list_free(char **names, size_t n);

#endif
