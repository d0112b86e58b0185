#include "server/keys_file.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define WORD_MAX 512
#define BLANKS " \t\r"
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define HASHED "sha256:"

struct parser {
    const char *at; /* what is left of the file */
    int line;
    struct key *keys;
    int n;
};

/* ---- words of a line ---- */

/* The next word of the line; 0: none is left; -1: too long. */
static int next_word(struct parser *p, char word[WORD_MAX], struct err *e)
{
    size_t n;

    p->at += strspn(p->at, BLANKS);
    n = *p->at == '#' ? 0 : strcspn(p->at, BLANKS "\n#");
    if (n >= WORD_MAX)
        return err_set(e, ERR_FORMAT, "a word of %zu bytes is longer than %d", n, WORD_MAX - 1);
    memcpy(word, p->at, n);
    word[n] = 0;
    p->at += n;
    return n > 0;
}

static int set_name(struct key *key, const struct parser *p, const char *word, struct err *e)
{
    if (strlen(word) >= KEYS_NAME_MAX || strspn(word, NAME_CHARS) != strlen(word))
        return err_set(e, ERR_FORMAT,
                       "name '%.80s' is not 1 to %d letters, digits, '.', '_' and '-'", word,
                       KEYS_NAME_MAX - 1);
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->keys[i].name, word) == 0)
            return err_set(e, ERR_FORMAT, "name '%s' is there twice", word);
    memcpy(key->name, word, strlen(word) + 1);
    return 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_digest(const char *hex, unsigned char digest[SHA256_BYTES], struct err *e)
{
    if (strlen(hex) != 2 * SHA256_BYTES || strspn(hex, "0123456789abcdef") != strlen(hex))
        return err_set(e, ERR_FORMAT, HASHED " wants %d digits 0-9a-f", 2 * SHA256_BYTES);
    for (int i = 0; i < SHA256_BYTES; i++)
        digest[i] = (unsigned char)(hex_digit(hex[2 * i]) * 16 + hex_digit(hex[2 * i + 1]));
    return 0;
}

static int set_secret(struct key *key, const char *word, struct err *e)
{
    if (strncmp(word, HASHED, strlen(HASHED)) == 0)
        return read_digest(word + strlen(HASHED), key->digest, e);
    if (strlen(word) < KEYS_SECRET_MIN)
        return err_set(e, ERR_FORMAT, "a secret of %zu bytes is shorter than %d", strlen(word),
                       KEYS_SECRET_MIN);
    sha256(word, strlen(word), key->digest);
    return 0;
}

static int set_per_minute(struct key *key, const char *value, struct err *e)
{
    int64_t n;

    if (num_parse_int(value, "per_minute", 1, KEYS_PER_MINUTE_MAX, &n, e))
        return -1;
    key->per_minute = (int)n;
    return 0;
}

static int set_jobs(struct key *key, const char *value, struct err *e)
{
    int64_t n;

    if (num_parse_int(value, "jobs", 1, KEYS_JOBS_MAX, &n, e))
        return -1;
    key->jobs = (int)n;
    return 0;
}

static int set_priority(struct key *key, const char *value, struct err *e)
{
    int class;

    if (num_parse_choice(value, "priority", PRIORITY_CHOICES, &class, e))
        return -1;
    key->priority = (enum priority) class;
    return 0;
}

static const struct {
    const char *name;
    int (*set)(struct key *key, const char *value, struct err *e);
} LIMITS[] = {
    { "per_minute", set_per_minute },
    { "jobs", set_jobs },
    { "priority", set_priority },
};

/* "jobs=4" */
static int set_limit(struct key *key, const char *word, struct err *e)
{
    size_t n = strcspn(word, "=");

    for (size_t i = 0; i < sizeof LIMITS / sizeof LIMITS[0]; i++)
        if (word[n] == '=' && strlen(LIMITS[i].name) == n && memcmp(LIMITS[i].name, word, n) == 0)
            return LIMITS[i].set(key, word + n + 1, e);
    return err_set(e, ERR_FORMAT, "'%.80s' is none of per_minute=N, jobs=N and priority=CLASS",
                   word);
}

/* ---- lines ---- */

static int read_limits(struct parser *p, struct key *key, struct err *e)
{
    char word[WORD_MAX];
    int there;

    while ((there = next_word(p, word, e)) > 0)
        if (set_limit(key, word, e))
            return -1;
    return there;
}

/* 1: the line holds a key; 0: it is empty or a comment. */
static int read_line(struct parser *p, struct key *key, struct err *e)
{
    char word[WORD_MAX];
    int there = next_word(p, word, e);

    if (there <= 0)
        return there;
    if (set_name(key, p, word, e))
        return -1;
    there = next_word(p, word, e);
    if (there == 0)
        err_set(e, ERR_FORMAT, "%s has no secret", key->name);
    if (there <= 0 || set_secret(key, word, e) || read_limits(p, key, e))
        return -1;
    return 1;
}

static int add_key(struct parser *p, const struct key *key, struct err *e)
{
    struct key *grown;

    if (p->n == KEYS_MAX)
        return err_set(e, ERR_TOO_LARGE, "more than %d keys", KEYS_MAX);
    grown = mem_resize(p->keys, (size_t)p->n + 1, sizeof *grown);
    if (!grown)
        return err_set(e, ERR_NOMEM, "out of memory");
    p->keys = grown;
    p->keys[p->n++] = *key;
    return 0;
}

static int read_lines(struct parser *p, struct err *e)
{
    while (*p->at) {
        struct key key = { 0 };
        int there;

        p->line++;
        there = read_line(p, &key, e);
        if (there < 0 || (there && add_key(p, &key, e)))
            return -1;
        p->at += strcspn(p->at, "\n");
        p->at += *p->at == '\n';
    }
    return p->n ? 0 : err_set(e, ERR_FORMAT, "no key");
}

int keys_file_read(const char *path, struct key **ret_keys, int *ret_n, struct err *e)
{
    struct parser p = { 0 };
    struct buf text;
    int failed;

    buf_init(&text, FILE_MAX_BYTES);
    if (file_read(path, FILE_MAX_BYTES, &text, e)) {
        buf_release(&text);
        return err_prefix(e, "keys: ");
    }
    p.at = text.len ? text.data : "";
    failed =
        strlen(p.at) == text.len ? read_lines(&p, e) : err_set(e, ERR_FORMAT, "holds a NUL byte");
    buf_release(&text);
    if (failed) {
        mem_free(p.keys);
        return err_prefix(e, "keys: %s:%d: ", path, p.line);
    }
    *ret_keys = p.keys;
    *ret_n = p.n;
    return 0;
}
