/*
 * The loop around every training stage, with a task that only counts.
 */
#include "tests/tmp.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "trainer/run.h"

enum { STEP_MS = 400, VALUES = 4096 };

/* A task whose whole state is how many steps it has seen. */
struct fake {
    struct config config;
    struct config_training *training;
    volatile sig_atomic_t stop;
    float seen[VALUES];          /* all of one value, so that a checkpoint has some size */
    int64_t begun_at, next_step; /* what it was told, what it expects */
    int64_t saved[32], n_saved;  /* steps seen at each checkpoint */
    int n_previews;
    /* what goes wrong: at this step; -1: never */
    int64_t stop_at, nan_at, fail_at;
};

static int fake_step(void *self, int64_t step, struct metrics *m, double *ret_flops, struct err *e)
{
    struct fake *f = self;

    assert_int_equal(step, f->next_step++);
    clock_stop_at((step + 1) * STEP_MS * 1000000LL);
    if (step == f->fail_at)
        return err_set(e, ERR_NOMEM, "the batch is gone");
    for (int i = 0; i < VALUES; i++)
        f->seen[i] += 1;
    metrics_set(m, "loss", step == f->nan_at ? (double)NAN : 1.0 / (double)(step + 1));
    f->stop = step == f->stop_at;
    *ret_flops = 1e6;
    return 0;
}

static int fake_save(void *self, struct weights_out *out, struct err *e)
{
    struct fake *f = self;
    int64_t n = VALUES;

    f->saved[f->n_saved++] = (int64_t)f->seen[0];
    return weights_out_add(out, "seen", W_F32, 1, &n, f->seen, e);
}

static int fake_load(void *self, const struct weights *w, struct err *e)
{
    const struct weights_entry *entry = weights_find(w, "seen");

    return entry ? weights_read_f32(entry, ((struct fake *)self)->seen, e)
                 : err_set(e, ERR_FORMAT, "nothing seen");
}

static int fake_preview(void *self, struct image *ret_img, struct err *e)
{
    ((struct fake *)self)->n_previews++;
    return image_new(4, 4, 3, ret_img, e);
}

static int fake_begin(void *self, int64_t step, struct err *e)
{
    struct fake *f = self;

    (void)e;
    f->begun_at = f->next_step = step;
    return 0;
}

/* Ten steps of 400 ms, a checkpoint a second, in a folder of its own. */
static void fake_open(struct fake *f, const char *name)
{
    *f = (struct fake){ .stop_at = -1, .nan_at = -1, .fail_at = -1, .begun_at = -1 };
    f->training = &f->config.clip;
    assert_int_equal(conf_defaults(CONFIG_ROWS, &f->config, NULL), 0);
    mem_free(f->config.dir);
    f->config.dir = mem_strdup(tmp_path(name));
    f->config.save_s = 1;
    f->training->steps = 10;
    f->training->preview = 0;
    clock_stop_at(0);
}

static void fake_close(struct fake *f)
{
    conf_release(CONFIG_ROWS, &f->config);
    clock_stop_at(-1);
}

static int run(struct fake *f, bool *ret_done, struct err *e)
{
    struct task task = { "clip",    f->training,  f,         fake_step, fake_save,
                         fake_load, fake_preview, fake_begin };

    memset(f->seen, 0, sizeof f->seen);
    f->stop = 0;
    f->n_saved = 0;
    return run_task(&f->config, &task, &f->stop, ret_done, e);
}

/* Runs it; fails the test with the task's words unless it goes well. */
static bool run_well(struct fake *f)
{
    bool done = false;
    struct err e;

    if (run(f, &done, &e))
        fail_msg("%s", e.msg);
    return done;
}

static void assert_fails(struct fake *f, const char *words)
{
    bool done;
    struct err e;

    assert_int_equal(run(f, &done, &e), -1);
    assert_string_equal(e.msg, words);
}

static const char *path_in(const struct fake *f, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/clip/%s", f->config.dir, name);
    return path;
}

static int64_t step_in_checkpoint(const struct fake *f)
{
    struct weights *w;
    int64_t step;

    assert_int_equal(weights_open(path_in(f, "checkpoint.safetensors"), &w, NULL), 0);
    assert_string_equal(weights_metadata(w, "stage"), "clip");
    assert_int_equal(num_parse_int(weights_metadata(w, "step"), "step", 0, 1000000, &step, NULL),
                     0);
    weights_close(w);
    return step;
}

static void read_file(const char *path, struct buf *ret_text)
{
    buf_init(ret_text, 1 << 20);
    assert_int_equal(file_read(path, 1 << 20, ret_text, NULL), 0);
}

/* Steps 0..n-1 stand in the metrics, once each and in order. */
static void assert_metrics(const struct fake *f, int n)
{
    struct buf text;
    int lines = 0;

    read_file(path_in(f, "metrics.jsonl"), &text);
    for (const char *line = text.data; line && *line; line = strchr(line, '\n') + 1, lines++) {
        char start[32];
        snprintf(start, sizeof start, "{\"step\":%d,", lines);
        assert_memory_equal(line, start, strlen(start));
    }
    assert_int_equal(lines, n);
    buf_release(&text);
}

/* ---- the tests ---- */

static void test_checkpoints_in_time(void **state)
{
    struct fake f;

    (void)state;
    fake_open(&f, "time");
    assert_true(run_well(&f));
    assert_int_equal(f.begun_at, 0);
    assert_int_equal(f.n_saved, 4); /* each after more than a second, and at the end */
    assert_int_equal(f.saved[0], 3);
    assert_int_equal(f.saved[1], 6);
    assert_int_equal(f.saved[2], 9);
    assert_int_equal(f.saved[3], 10);
    assert_int_equal(step_in_checkpoint(&f), 10);
    assert_metrics(&f, 10);
    fake_close(&f);
}

static void test_done_is_done(void **state)
{
    struct fake f;

    (void)state;
    fake_open(&f, "done");
    assert_true(run_well(&f));
    assert_true(run_well(&f));
    assert_int_equal(f.begun_at, 10);
    assert_int_equal(f.n_saved, 0);
    f.training->steps = 12; /* the recipe was made longer */
    assert_true(run_well(&f));
    assert_int_equal(f.begun_at, 10);
    assert_int_equal(f.seen[0], 12);
    assert_metrics(&f, 12);
    fake_close(&f);
}

static void test_stop_saves(void **state)
{
    struct fake f;

    (void)state;
    fake_open(&f, "stop");
    f.config.save_s = 1000;
    f.stop_at = 4;
    assert_false(run_well(&f));
    assert_int_equal(f.n_saved, 1);
    assert_int_equal(step_in_checkpoint(&f), 5);
    f.stop_at = -1;
    assert_true(run_well(&f));
    assert_int_equal(f.begun_at, 5);
    assert_int_equal(f.seen[0], 10);
    assert_metrics(&f, 10);
    fake_close(&f);
}

static void test_stop_after(void **state)
{
    static const int64_t ENDS[] = { 4, 8, 10 };
    struct fake f;

    (void)state;
    fake_open(&f, "after");
    f.config.stop_after = 4;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_well(&f), i == 2);
        assert_int_equal(step_in_checkpoint(&f), ENDS[i]);
    }
    fake_close(&f);
}

static void test_previews(void **state)
{
    struct fake f;

    (void)state;
    fake_open(&f, "previews");
    f.training->preview = 4;
    assert_true(run_well(&f));
    assert_int_equal(f.n_previews, 3); /* at 4 and 8, and at the end */
    assert_true(file_exists(path_in(&f, "preview-000004.png")));
    assert_true(file_exists(path_in(&f, "preview-000008.png")));
    assert_true(file_exists(path_in(&f, "preview-000010.png")));
    fake_close(&f);
}

static void test_not_finite(void **state)
{
    struct fake f;
    char words[800];

    (void)state;
    fake_open(&f, "nan");
    f.nan_at = 7;
    snprintf(words, sizeof words,
             "clip: step 7: loss is not finite; the last checkpoint stays in %s: lower the "
             "learning rate and start again",
             path_in(&f, "checkpoint.safetensors"));
    assert_fails(&f, words);
    assert_int_equal(step_in_checkpoint(&f), 6);
    assert_metrics(&f, 7);
    f.nan_at = -1;
    assert_true(run_well(&f));
    assert_int_equal(f.begun_at, 6);
    assert_metrics(&f, 10); /* step 6 was done twice and stands once */
    fake_close(&f);
}

static void test_step_fails(void **state)
{
    struct fake f;

    (void)state;
    fake_open(&f, "fails");
    f.fail_at = 4;
    assert_fails(&f, "clip: step 4: the batch is gone");
    assert_int_equal(step_in_checkpoint(&f), 3);
    fake_close(&f);
}

/* No file may grow beyond `bytes`, as on a full disk; 0: any size. */
static void limit_files(rlim_t bytes)
{
    static struct rlimit before;
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    if (!before.rlim_max)
        getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    if (bytes)
        limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The old checkpoint stays as it was, and nothing half-written beside it. */
static void test_disk_full(void **state)
{
    struct fake f;
    struct buf before, after;
    struct err e;
    char **names;
    size_t n;
    bool done;

    (void)state;
    fake_open(&f, "full");
    f.config.stop_after = 2;
    assert_false(run_well(&f));
    read_file(path_in(&f, "checkpoint.safetensors"), &before);
    limit_files(4096);
    assert_int_equal(run(&f, &done, &e), -1);
    limit_files(0);
    assert_non_null(strstr(e.msg, "clip: checkpoint at step 4: "));
    assert_non_null(strstr(e.msg, "File too large"));
    read_file(path_in(&f, "checkpoint.safetensors"), &after);
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.data, before.data, before.len);
    assert_int_equal(file_list(path_in(&f, ""), 100, &names, &n, NULL), 0);
    assert_int_equal(n, 2); /* checkpoint.safetensors, metrics.jsonl */
    file_list_free(names, n);
    assert_false(run_well(&f)); /* there is room again */
    assert_int_equal(step_in_checkpoint(&f), 4);
    assert_metrics(&f, 4);
    buf_release(&before);
    buf_release(&after);
    fake_close(&f);
}

static void test_not_a_checkpoint(void **state)
{
    static const char TEXT[] = "hello";
    struct weights_out *out;
    struct fake f;
    char words[800];
    struct err e;
    bool done;

    (void)state;
    fake_open(&f, "broken");
    assert_int_equal(file_make_dirs(path_in(&f, ""), NULL), 0);
    assert_int_equal(weights_out_new(&out, NULL), 0);
    assert_int_equal(weights_out_write(out, path_in(&f, "checkpoint.safetensors"), NULL), 0);
    weights_out_free(out);
    snprintf(words, sizeof words, "clip: %s: has no step in its metadata: not a checkpoint",
             path_in(&f, "checkpoint.safetensors"));
    assert_fails(&f, words);
    assert_int_equal(file_write(path_in(&f, "checkpoint.safetensors"), TEXT, 5, NULL), 0);
    assert_int_equal(run(&f, &done, &e), -1);
    assert_int_equal(e.code, ERR_FORMAT);
    fake_close(&f);
}

/* What is written to stderr meanwhile ends in a file. */
static int catch_log(int *ret_kept)
{
    FILE *file = fopen(tmp_path("log"), "w");

    assert_non_null(file);
    *ret_kept = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    return fclose(file);
}

static void read_log(int kept, struct buf *ret_text)
{
    dup2(kept, STDERR_FILENO);
    close(kept);
    read_file(tmp_path("log"), ret_text);
    buf_puts(ret_text, ""); /* a string even when empty */
}

static void open_result(const struct fake *f, struct buf *ret_log)
{
    struct weights *w;
    int kept;

    catch_log(&kept);
    int failed = run_open_result(&f->config, "clip", &w, NULL);
    read_log(kept, ret_log);
    assert_int_equal(failed, 0);
    assert_non_null(weights_find(w, "seen"));
    weights_close(w);
}

static void test_result_absent(void **state)
{
    struct weights *w;
    struct fake f;
    char words[800];
    struct err e;

    (void)state;
    fake_open(&f, "absent");
    assert_int_equal(run_open_result(&f.config, "clip", &w, &e), -1);
    snprintf(words, sizeof words, "%s is not there: run the stage 'clip' first",
             path_in(&f, "checkpoint.safetensors"));
    assert_err(&e, ERR_NOT_FOUND, words);
    fake_close(&f);
}

/* An unfinished result is used, but not silently. */
static void test_result_unfinished(void **state)
{
    struct fake f;
    struct buf log;

    (void)state;
    fake_open(&f, "unfinished");
    f.stop_at = 6;
    assert_false(run_well(&f));
    open_result(&f, &log);
    assert_non_null(strstr(log.data, "clip: its checkpoint has made 7 of the 10 steps in the "
                                     "recipe; used as it is\n"));
    buf_release(&log);
    f.stop_at = -1;
    assert_true(run_well(&f));
    open_result(&f, &log);
    assert_int_equal(log.len, 0);
    buf_release(&log);
    fake_close(&f);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_checkpoints_in_time),
    cmocka_unit_test(test_done_is_done),
    cmocka_unit_test(test_stop_saves),
    cmocka_unit_test(test_stop_after),
    cmocka_unit_test(test_previews),
    cmocka_unit_test(test_not_finite),
    cmocka_unit_test(test_step_fails),
    cmocka_unit_test(test_disk_full),
    cmocka_unit_test(test_not_a_checkpoint),
    cmocka_unit_test(test_result_absent),
    cmocka_unit_test(test_result_unfinished),
};

TEST_MAIN_TMP(tests)
