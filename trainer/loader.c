/*
 * Slots hold batches; batch s lies in slot s modulo their number. Threads take step numbers in
 * order and fill their slots; the caller takes batches in order and gives a slot back by asking for
 * the next batch.
 */
#include "trainer/loader.h"

#include <pthread.h>
#include <signal.h>

#include "base/mem.h"

enum { THREADS_MAX = 16, AHEAD_MAX = 64, BATCH_MAX = 65536, CONTEXT_MAX = 4096 };

/* Streams of random numbers: pictures have their number in the sequence, epochs and the backgrounds
 * of batches have ranges of their own. */
static const uint64_t EPOCH_STREAMS = (uint64_t)1 << 63, BACKGROUND_STREAMS = (uint64_t)1 << 62;
/* Keeps our numbers apart from those that training draws from the same seed. */
static const uint64_t SEED_OF_SPLIT[] = {
    [SPLIT_TRAIN] = 0x6c6f616420747261u,
    [SPLIT_HELD_OUT] = 0x6c6f616420686c64u,
};

struct slot {
    struct batch batch;
    int64_t made; /* step that it holds complete, -1 for none */
    int rc;       /* of making it */
    struct err err;
};

struct loader {
    const struct dataset *ds;
    struct loader_options o;
    int *objects; /* of the split */
    int n_objects;
    struct slot *slots;
    int n_slots; /* those kept ready, and the one the caller holds */
    pthread_t threads[THREADS_MAX];
    int n_threads; /* that run */

    pthread_mutex_t lock; /* guards the fields below and slots[].made */
    pthread_cond_t changed;
    int64_t to_make; /* next step that a thread takes */
    int64_t held;    /* step that the caller holds: slots of earlier ones are free */
    int64_t to_take; /* next step that the caller gets */
    bool stop;
};

/* What a thread owns. */
struct worker {
    struct loader *l;
    int *order; /* objects of an epoch, shuffled */
    int64_t epoch;
    struct buf caption;
};

/* --- making a batch --- */

static uint64_t seed_of(const struct loader *l)
{
    return l->o.seed ^ SEED_OF_SPLIT[l->o.split];
}

static void shuffle(struct worker *w, int64_t epoch)
{
    struct rng r = { .seed = seed_of(w->l), .stream = EPOCH_STREAMS | (uint64_t)epoch };

    for (int i = 0; i < w->l->n_objects; i++) {
        int j = (int)rng_below(&r, (uint32_t)i + 1);
        w->order[i] = w->order[j];
        w->order[j] = w->l->objects[i];
    }
    w->epoch = epoch;
}

/* The object of the p-th picture of all batches. */
static int object_at(struct worker *w, int64_t p)
{
    int64_t epoch = p / w->l->n_objects;

    if (epoch != w->epoch)
        shuffle(w, epoch);
    return w->order[p % w->l->n_objects];
}

static int make_caption(struct worker *w, const struct scene *s, struct rng *r, int row,
                        struct batch *b, struct err *e)
{
    const struct loader_options *o = &w->l->o;
    struct tokenizer_result result;

    buf_clear(&w->caption);
    caption_draw(w->l->ds, s, &o->caption, r, &w->caption);
    if (buf_check(&w->caption, e) ||
        tokenizer_encode(o->tokenizer, w->caption.len ? w->caption.data : "", w->caption.len,
                         o->context, b->ids + (size_t)row * (size_t)o->context, &result, e))
        return err_prefix(e, "caption of %s: ", w->l->ds->item[s->object].key);
    b->end[row] = result.end;
    return 0;
}

/* The backgrounds that a picture of the batch prefers. */
static uint16_t draw_preference(const struct loader *l, int64_t step, struct rng *r)
{
    struct rng batch = { .seed = seed_of(l), .stream = BACKGROUND_STREAMS | (uint64_t)step };

    if (!(l->o.alike > 0) || rng_uniform(r) >= (float)l->o.alike)
        return 0;
    return (uint16_t)(1u << rng_below(&batch, DATASET_BACKGROUNDS));
}

static int make_picture(struct worker *w, int64_t step, int row, struct batch *b, struct err *e)
{
    const struct loader_options *o = &w->l->o;
    const struct dataset *ds = w->l->ds;
    int64_t p = step * o->batch + row;
    struct rng r = { .seed = seed_of(w->l), .stream = (uint64_t)p };
    struct scene *s = &b->scenes[row];
    struct scene_options scene = o->scene;
    size_t bytes = (size_t)o->side * (size_t)o->side * 3;

    scene.prefer = draw_preference(w->l, step, &r);
    scene_draw(ds, object_at(w, p), o->split, &scene, &r, s);
    if (o->plain_from && step >= o->plain_from && s->second < 0)
        scene_plain(ds, s->object, s->background, s);
    if (scene_render(ds, s, o->side, b->pixels + (size_t)row * bytes, e))
        return -1;
    return o->tokenizer ? make_caption(w, s, &r, row, b, e) : 0;
}

static int make_batch(struct worker *w, int64_t step, struct slot *slot)
{
    for (int row = 0; row < w->l->o.batch; row++)
        if (make_picture(w, step, row, &slot->batch, &slot->err))
            return -1;
    slot->batch.step = step;
    return 0;
}

/* --- threads --- */

static struct slot *slot_of(struct loader *l, int64_t step)
{
    return &l->slots[step % l->n_slots];
}

/* The next step to make, when its slot is free; -1: stop. */
static int64_t take_step(struct loader *l)
{
    int64_t step;

    pthread_mutex_lock(&l->lock);
    while (!l->stop && l->to_make >= l->held + l->n_slots)
        pthread_cond_wait(&l->changed, &l->lock);
    step = l->stop ? -1 : l->to_make++;
    pthread_mutex_unlock(&l->lock);
    return step;
}

static void hand_over(struct loader *l, struct slot *slot, int64_t step)
{
    pthread_mutex_lock(&l->lock);
    slot->made = step;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    int64_t step;

    while ((step = take_step(w->l)) >= 0) {
        struct slot *slot = slot_of(w->l, step);
        slot->rc = make_batch(w, step, slot);
        hand_over(w->l, slot, step);
    }
    buf_release(&w->caption);
    mem_free(w->order);
    mem_free(w);
    return NULL;
}

static struct worker *worker_new(struct loader *l)
{
    struct worker *w = mem_alloc(1, sizeof *w);
    int *order = mem_alloc((size_t)l->n_objects, sizeof *order);

    if (!w || !order) {
        mem_free(w);
        mem_free(order);
        return NULL;
    }
    *w = (struct worker){ .l = l, .order = order, .epoch = -1 };
    buf_init(&w->caption, TOKENIZER_TEXT_MAX);
    return w;
}

/* Signals are the main thread's: they interrupt its waits, not ours. */
static int start_thread(struct loader *l, struct err *e)
{
    struct worker *w = worker_new(l);
    sigset_t all, before;
    int rc;

    if (!w)
        return err_set(e, ERR_NOMEM, "loader: out of memory");
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&l->threads[l->n_threads], NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        mem_free(w->order);
        mem_free(w);
        return err_set(e, ERR_NOMEM, "loader: the system gives no thread");
    }
    l->n_threads++;
    return 0;
}

/* --- the loader --- */

static int check_int(const char *what, int64_t value, int64_t max, struct err *e)
{
    if (value >= 1 && value <= max)
        return 0;
    return err_set(e, ERR_INVALID, "loader: %s: %lld is outside 1..%lld", what, (long long)value,
                   (long long)max);
}

static int check_options(const struct loader_options *o, int64_t first_step, struct err *e)
{
    if (check_int("batch", o->batch, BATCH_MAX, e) ||
        check_int("side", o->side, SCENE_SIDE_MAX, e) ||
        check_int("threads", o->threads, THREADS_MAX, e) ||
        check_int("ahead", o->ahead, AHEAD_MAX, e) ||
        (o->tokenizer && check_int("context", o->context, CONTEXT_MAX, e)))
        return -1;
    if (first_step < 0)
        return err_set(e, ERR_INVALID, "loader: first step %lld is below 0", (long long)first_step);
    if (o->scene.size_min > o->scene.size_max)
        return err_set(e, ERR_INVALID, "loader: size_min: %g is above size_max %g",
                       o->scene.size_min, o->scene.size_max);
    return 0;
}

static int slot_init(struct slot *slot, const struct loader_options *o, struct err *e)
{
    size_t n = (size_t)o->batch;
    struct batch *b = &slot->batch;

    slot->made = -1;
    b->pixels = mem_alloc(n, (size_t)o->side * (size_t)o->side * 3);
    b->scenes = mem_alloc(n, sizeof *b->scenes);
    if (o->tokenizer) {
        b->ids = mem_alloc(n, (size_t)o->context * sizeof *b->ids);
        b->end = mem_alloc(n, sizeof *b->end);
    }
    if (!b->pixels || !b->scenes || (o->tokenizer && (!b->ids || !b->end)))
        return err_set(e, ERR_NOMEM, "loader: no memory for batches of %d pictures of %d pixels",
                       o->batch, o->side);
    return 0;
}

static int prepare(struct loader *l, struct err *e)
{
    if (scene_objects(l->ds, l->o.split, &l->o.scene, &l->objects, &l->n_objects, e))
        return -1;
    l->slots = mem_alloc((size_t)l->o.ahead + 1, sizeof *l->slots);
    if (!l->slots)
        return err_set(e, ERR_NOMEM, "loader: out of memory");
    l->n_slots = l->o.ahead + 1;
    for (int i = 0; i < l->n_slots; i++)
        if (slot_init(&l->slots[i], &l->o, e))
            return -1;
    return 0;
}

static int start(struct loader *l, struct err *e)
{
    for (int i = 0; i < l->o.threads; i++)
        if (start_thread(l, e))
            return -1;
    return 0;
}

int loader_new(const struct dataset *ds, const struct loader_options *o, int64_t first_step,
               struct loader **ret_loader, struct err *e)
{
    struct loader *l;

    if (check_options(o, first_step, e))
        return -1;
    l = mem_alloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_NOMEM, "loader: out of memory");
    l->ds = ds;
    l->o = *o;
    l->to_make = l->held = l->to_take = first_step;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    if (prepare(l, e) || start(l, e)) {
        loader_free(l);
        return -1;
    }
    *ret_loader = l;
    return 0;
}

int loader_next(struct loader *l, const struct batch **ret_batch, struct err *e)
{
    struct slot *slot = slot_of(l, l->to_take);

    pthread_mutex_lock(&l->lock);
    l->held = l->to_take;
    pthread_cond_broadcast(&l->changed);
    while (slot->made != l->to_take)
        pthread_cond_wait(&l->changed, &l->lock);
    if (slot->rc == 0)
        l->to_take++; /* a batch that failed stays: asked again, it fails again */
    pthread_mutex_unlock(&l->lock);
    if (slot->rc)
        return err_set(e, slot->err.code, "batch %lld: %s", (long long)slot->made, slot->err.msg);
    *ret_batch = &slot->batch;
    return 0;
}

static void stop_threads(struct loader *l)
{
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_threads; i++)
        pthread_join(l->threads[i], NULL);
}

static void slot_release(struct slot *slot)
{
    mem_free(slot->batch.pixels);
    mem_free(slot->batch.scenes);
    mem_free(slot->batch.ids);
    mem_free(slot->batch.end);
}

void loader_free(struct loader *l)
{
    if (!l)
        return;
    stop_threads(l);
    for (int i = 0; i < l->n_slots; i++)
        slot_release(&l->slots[i]);
    mem_free(l->slots);
    mem_free(l->objects);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}
