/*
 * One error: what the caller can do about it (code) and words for a person (msg).
 *
 * An error is made where the failure happens; context is put in front while it travels up.
 * Fallible functions return 0 or -1 and take `struct err *e` last; e is untouched on success.
 * e may be NULL where the caller does not want the words. Any thread; no hidden state.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err_code {
    ERR_NONE = 0,
    ERR_INVALID,     /* the caller gave a value outside its limits */
    ERR_NOT_FOUND,   /* no such file, tensor, model, job */
    ERR_TOO_LARGE,   /* well formed, but over a limit */
    ERR_DENIED,      /* nobody we know */
    ERR_BUSY,        /* full now; try later */
    ERR_LIMITED,     /* over a limit of the caller's own; try later */
    ERR_UNAVAILABLE, /* going away; ask another server */
    ERR_TIMEOUT,     /* its deadline passed */
    ERR_CANCELLED,   /* nobody waits for it any more */
    ERR_FORMAT,      /* bytes from outside do not follow their format */
    ERR_IO,          /* the system refused to read or write */
    ERR_NOMEM,       /* no memory, host or device */
    ERR_DEVICE,      /* the accelerator failed */
    ERR_UNSUPPORTED, /* understood, but not built in */
    ERR_INTERNAL,    /* our own mistake: wrong shapes, broken promises */
};

struct err {
    enum err_code code;
    char msg[240]; /* always terminated; too long is cut; control characters are spaces */
};

/* Sets code and message. Returns -1, so that `return err_set(...)` fails in one statement. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "what: words of errno", with the code that fits errno: NOT_FOUND, NOMEM or IO. Returns -1. */
int err_errno(struct err *e, const char *what);

/* Puts text in front of the message ("weights.safetensors: "). Returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
