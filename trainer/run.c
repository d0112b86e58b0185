#include "trainer/run.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/png.h"
#include "trainer/progress.h"

struct run {
    const struct config *config;
    const struct task *task;
    char dir[4200], checkpoint[4300];
    struct metrics_log log;
    int64_t saved_ms;
};

static void result_path(const struct config *c, const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s/checkpoint.safetensors", c->dir, name);
}

static int write_checkpoint(struct run *r, int64_t next_step, struct err *e)
{
    struct weights_out *out;
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)next_step);
    if (weights_out_new(&out, e))
        return -1;
    int failed = weights_out_metadata(out, "stage", r->task->name, e) ||
                 weights_out_metadata(out, "step", number, e) ||
                 r->task->save(r->task->self, out, e) || weights_out_write(out, r->checkpoint, e);
    weights_out_free(out);
    r->saved_ms = clock_ms();
    return failed ? err_prefix(e, "checkpoint at step %lld: ", (long long)next_step) : 0;
}

static int checkpoint_step(const struct weights *w, int64_t *ret_step, struct err *e)
{
    const char *text = weights_metadata(w, "step");
    if (!text)
        return err_set(e, ERR_FORMAT, "has no step in its metadata: not a checkpoint");
    return num_parse_int(text, "step", 0, INT64_MAX / 2, ret_step, e);
}

static int resume(struct run *r, int64_t *ret_step, struct err *e)
{
    *ret_step = 0;
    if (!file_exists(r->checkpoint))
        return 0;
    struct weights *w;
    if (weights_open(r->checkpoint, &w, e))
        return -1;
    int failed = checkpoint_step(w, ret_step, e) || r->task->load(r->task->self, w, e);
    weights_close(w);
    if (failed)
        return err_prefix(e, "%s: ", r->checkpoint);
    log_info("%s: goes on at step %lld", r->task->name, (long long)*ret_step);
    return 0;
}

static int write_preview(struct run *r, int64_t step, struct err *e)
{
    struct image img;
    char path[4400];
    snprintf(path, sizeof path, "%s/preview-%06lld.png", r->dir, (long long)step);
    if (r->task->preview(r->task->self, &img, e))
        return err_prefix(e, "preview: ");
    int failed = png_write(&img, path, e);
    image_release(&img);
    return failed ? -1 : 0;
}

bool run_preview_due(const struct config_training *t, int64_t done)
{
    return t->preview > 0 && (done % t->preview == 0 || done == t->steps);
}

static int one_step(struct run *r, int64_t step, struct progress *bar, struct err *e)
{
    const struct task *t = r->task;
    struct metrics m = { 0 };
    double flops = 0;
    if (t->step(t->self, step, &m, &flops, e))
        return err_prefix(e, "step %lld: ", (long long)step);
    const char *bad = metrics_not_finite(&m);
    if (bad)
        return err_set(e, ERR_INTERNAL,
                       "step %lld: %s is not finite; the last checkpoint stays in %s: lower the "
                       "learning rate and start again",
                       (long long)step, bad, r->checkpoint);
    progress_step(bar, step, metrics_get(&m, "loss"), flops);
    metrics_set(&m, "pictures_s", bar->pictures_s);
    metrics_set(&m, "gflops_s", bar->gflops_s);
    return metrics_log_write(&r->log, step, &m, e);
}

/* Where this run ends at the latest. */
static int64_t last_step(const struct run *r, int64_t first)
{
    int64_t total = r->task->training->steps, most = r->config->stop_after;
    return most && first + most < total ? first + most : total;
}

static int steps(struct run *r, int64_t first, const volatile sig_atomic_t *stop, int64_t *ret_next,
                 struct err *e)
{
    const struct config_training *training = r->task->training;
    struct progress bar;
    progress_start(&bar, r->task->name, first, training->steps, training->batch);
    int64_t s = first, last = last_step(r, first);
    int failed = 0;
    while (!failed && s < last && !*stop) {
        failed = one_step(r, s, &bar, e);
        s += !failed;
        if (!failed && r->task->preview && run_preview_due(training, s))
            failed = write_preview(r, s, e);
        if (!failed && clock_ms() - r->saved_ms > r->config->save_s * 1000)
            failed = write_checkpoint(r, s, e);
    }
    progress_end(&bar);
    *ret_next = s;
    return failed ? -1 : 0;
}

static int open_run(struct run *r, const struct config *c, const struct task *t, int64_t *ret_first,
                    struct err *e)
{
    *r = (struct run){ .config = c, .task = t, .saved_ms = clock_ms() };
    snprintf(r->dir, sizeof r->dir, "%s/%s", c->dir, t->name);
    result_path(c, t->name, r->checkpoint, sizeof r->checkpoint);
    char path[4400];
    snprintf(path, sizeof path, "%s/metrics.jsonl", r->dir);
    if (file_make_dirs(r->dir, e) || resume(r, ret_first, e) || t->begin(t->self, *ret_first, e))
        return -1;
    return metrics_log_open(&r->log, path, *ret_first, e);
}

int run_task(const struct config *c, const struct task *t, const volatile sig_atomic_t *stop,
             bool *ret_done, struct err *e)
{
    struct run r;
    int64_t first, next;
    if (open_run(&r, c, t, &first, e))
        return err_prefix(e, "%s: ", t->name);
    int failed =
        steps(&r, first, stop, &next, e) || (next > first && write_checkpoint(&r, next, e));
    metrics_log_close(&r.log);
    if (failed)
        return err_prefix(e, "%s: ", t->name);
    *ret_done = next >= t->training->steps;
    return 0;
}

static int warn_if_unfinished(const struct config *c, const char *name, const struct weights *w,
                              struct err *e)
{
    const struct config_training *t = config_training(c, name);
    int64_t step;
    if (checkpoint_step(w, &step, e))
        return -1;
    if (t && step < t->steps)
        log_warn("%s: its checkpoint has made %lld of the %lld steps in the recipe; used as it is",
                 name, (long long)step, (long long)t->steps);
    return 0;
}

bool run_has_result(const struct config *c, const char *name)
{
    char path[4300];
    result_path(c, name, path, sizeof path);
    return file_exists(path);
}

int run_open_result(const struct config *c, const char *name, struct weights **ret_weights,
                    struct err *e)
{
    struct weights *w;
    char path[4300];
    result_path(c, name, path, sizeof path);
    if (!file_exists(path))
        return err_set(e, ERR_NOT_FOUND, "%s is not there: run the stage '%s' first", path, name);
    if (weights_open(path, &w, e))
        return -1;
    if (warn_if_unfinished(c, name, w, e)) {
        weights_close(w);
        return err_prefix(e, "%s: ", path);
    }
    *ret_weights = w;
    return 0;
}
