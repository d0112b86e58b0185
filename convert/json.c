#include "convert/json.h"

#include "base/file.h"

static int parse(const struct buf *text, json_t **ret_json, struct err *e)
{
    json_error_t je;

    *ret_json = json_loadb(text->data ? text->data : "", text->len, JSON_REJECT_DUPLICATES, &je);
    return *ret_json ? 0 : err_set(e, ERR_FORMAT, "line %d: %s", je.line, je.text);
}

int json_read(const char *path, size_t max, json_t **ret_json, struct err *e)
{
    struct buf text;
    int failed;

    buf_init(&text, max);
    failed = file_read(path, max, &text, e);
    if (!failed && parse(&text, ret_json, e))
        failed = err_prefix(e, "%s: ", path);
    buf_release(&text);
    return failed;
}
