#include "trainer/stage_data.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "trainer/caption.h"
#include "trainer/data.h"

#define CORPUS_MAX ((size_t)256 << 20)
#define STORED_PER_SIDE 2 /* a folder's pictures are kept at twice the training side, for crops */

static int build(const struct config *c, const char *dir, struct err *e)
{
    if (c->source == SOURCE_FOLDER && !*c->folder)
        return err_set(e, ERR_INVALID,
                       "folder: must name a folder of pictures when source = folder");
    if (c->source == SOURCE_FOLDER)
        return data_build_folder(c->folder, dir, STORED_PER_SIDE * (int)c->side, e);
    return data_build_emoji(c->font, c->emoji_test, c->annotations, dir, e);
}

/* Behind the header, one a line. */
static int count_merges(const struct buf *file)
{
    int lines = 0;
    for (size_t i = 0; i < file->len; i++)
        lines += file->data[i] == '\n';
    return lines - 1;
}

static int learn_vocabulary(const struct stage *s, const struct dataset *ds, struct err *e)
{
    struct buf corpus, merges;
    char *path = config_path(s->config, "data/vocab.txt");
    buf_init(&corpus, CORPUS_MAX);
    buf_init(&merges, CORPUS_MAX);
    caption_corpus(ds, &corpus);
    int failed = !path ? err_set(e, ERR_NOMEM, "no memory for a path")
                       : buf_check(&corpus, e) ||
                             tokenizer_learn(corpus.data, corpus.len, (int)s->config->vocab_merges,
                                             &merges, e) ||
                             buf_check(&merges, e) || file_write(path, merges.data, merges.len, e);
    if (!failed)
        log_info("data: %d merges learned of the %lld asked for", count_merges(&merges),
                 (long long)s->config->vocab_merges);
    buf_release(&corpus);
    buf_release(&merges);
    mem_free(path);
    return failed ? err_prefix(e, "vocabulary: ") : 0;
}

int stage_data(const struct stage *s, bool *ret_done, struct err *e)
{
    struct dataset *ds;
    char *dir = config_path(s->config, "data");
    if (!dir)
        return err_set(e, ERR_NOMEM, "no memory for a path");
    int failed = file_make_dirs(dir, e) || build(s->config, dir, e) || dataset_open(dir, &ds, e);
    if (!failed) {
        failed = learn_vocabulary(s, ds, e);
        log_info("data: %d pictures in %s", ds->n, dir);
        dataset_close(ds);
    }
    mem_free(dir);
    *ret_done = !failed;
    return failed ? -1 : 0;
}
