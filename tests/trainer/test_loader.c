/*
 * Batches: a function of the seed and their number alone, whoever makes them and wherever one
 * starts.
 */
#include "tests/tmp.h"

#include <string.h>

#include "base/file.h"
#include "tests/trainer/toys.h"
#include "trainer/loader.h"

enum { BATCH = 7, SIDE = 24, CONTEXT = 32 };

static struct dataset *ds;
static struct tokenizer *tokenizer;

/* A vocabulary learned from the toys' captions. */
static void open_tokenizer(void)
{
    struct buf corpus, merges;

    buf_init(&corpus, 1 << 24);
    buf_init(&merges, 1 << 20);
    caption_corpus(ds, &corpus);
    assert_int_equal(tokenizer_learn(corpus.data, corpus.len, 100, &merges, NULL), 0);
    assert_int_equal(file_write(tmp_path("vocab.txt"), merges.data, merges.len, NULL), 0);
    assert_int_equal(tokenizer_open(tmp_path("vocab.txt"), 1000, &tokenizer, NULL), 0);
    buf_release(&corpus);
    buf_release(&merges);
}

static int open_all(void **state)
{
    if (tmp_make(state))
        return -1;
    ds = toy_emoji_set(tmp_path("set"));
    open_tokenizer();
    return 0;
}

static int close_all(void **state)
{
    tokenizer_close(tokenizer);
    dataset_close(ds);
    return tmp_remove(state);
}

static struct loader_options options(void)
{
    return (struct loader_options){ .batch = BATCH,
                                    .side = SIDE,
                                    .seed = 11,
                                    .split = SPLIT_TRAIN,
                                    .scene = scene_options_default,
                                    .caption = caption_options_default,
                                    .tokenizer = tokenizer,
                                    .context = CONTEXT,
                                    .threads = 1,
                                    .ahead = 2 };
}

static struct loader *start(const struct loader_options *o, int64_t first_step)
{
    struct loader *l;
    struct err e;

    if (loader_new(ds, o, first_step, &l, &e))
        fail_msg("%s", e.msg);
    return l;
}

static const struct batch *next(struct loader *l)
{
    const struct batch *b;
    struct err e;

    if (loader_next(l, &b, &e))
        fail_msg("%s", e.msg);
    return b;
}

static bool same_scenes(const struct batch *a, const struct batch *b)
{
    for (int i = 0; i < BATCH; i++)
        if (!toy_same_scene(&a->scenes[i], &b->scenes[i]))
            return false;
    return true;
}

static void assert_same(const struct batch *a, const struct batch *b)
{
    assert_int_equal(a->step, b->step);
    assert_memory_equal(a->pixels, b->pixels, BATCH * SIDE * SIDE * 3);
    assert_true(same_scenes(a, b));
    assert_memory_equal(a->ids, b->ids, BATCH * CONTEXT * sizeof *a->ids);
    assert_memory_equal(a->end, b->end, BATCH * sizeof *a->end);
}

static void test_restart_goes_on_the_same(void **state)
{
    struct loader_options o = options();
    struct loader *whole = start(&o, 0), *rest;

    (void)state;
    for (int s = 0; s < 13; s++)
        next(whole);
    rest = start(&o, 13);
    for (int s = 13; s < 30; s++)
        assert_same(next(whole), next(rest));
    loader_free(whole);
    loader_free(rest);
}

static void test_threads_change_nothing(void **state)
{
    struct loader_options few = options(), many = options();
    struct loader *a, *b;

    (void)state;
    many.threads = 4;
    many.ahead = 9;
    few.ahead = 1;
    a = start(&few, 0);
    b = start(&many, 0);
    for (int s = 0; s < 60; s++)
        assert_same(next(a), next(b));
    loader_free(a);
    loader_free(b);
}

static void test_seeds_and_splits_differ(void **state)
{
    struct loader_options o = options(), seed = options(), split = options();
    struct loader *l[3];
    const struct batch *b[3];

    (void)state;
    seed.seed++;
    split.split = SPLIT_HELD_OUT;
    l[0] = start(&o, 0);
    l[1] = start(&seed, 0);
    l[2] = start(&split, 0);
    for (int i = 0; i < 3; i++)
        b[i] = next(l[i]);
    assert_false(same_scenes(b[0], b[1]));
    assert_false(same_scenes(b[0], b[2]));
    for (int i = 0; i < BATCH; i++)
        assert_true(
            dataset_combination_held_out(ds, b[2]->scenes[i].object, b[2]->scenes[i].background));
    for (int i = 0; i < 3; i++)
        loader_free(l[i]);
}

/* Each epoch shows every object once, in another order. */
static void test_epochs(void **state)
{
    struct loader_options o = options();
    struct loader *l;
    int order[3][TOY_OBJECTS], seen[3][TOY_OBJECTS] = { { 0 } };

    (void)state;
    o.batch = TOY_OBJECTS / 4;
    l = start(&o, 0);
    for (int p = 0; p < 3 * TOY_OBJECTS; p += o.batch) {
        const struct batch *b = next(l);
        for (int i = 0; i < o.batch; i++) {
            order[(p + i) / TOY_OBJECTS][(p + i) % TOY_OBJECTS] = b->scenes[i].object;
            seen[(p + i) / TOY_OBJECTS][b->scenes[i].object]++;
        }
    }
    for (int epoch = 0; epoch < 3; epoch++)
        for (int i = 0; i < TOY_OBJECTS; i++)
            assert_int_equal(seen[epoch][i], 1);
    assert_memory_not_equal(order[0], order[1], sizeof order[0]);
    assert_memory_not_equal(order[1], order[2], sizeof order[0]);
    loader_free(l);
}

/* Pixels are those of the scene, ids those of a caption that names the object. */
static void test_contents(void **state)
{
    struct loader_options o = options();
    struct loader *l;
    const struct batch *b;
    static uint8_t rgb[SIDE * SIDE * 3];

    (void)state;
    o.caption = (struct caption_options){ .weight = { [CAPTION_BACKGROUND] = 1 } };
    o.scene.pair_probability = 0;
    l = start(&o, 5);
    b = next(l);
    assert_int_equal(b->step, 5);
    for (int i = 0; i < BATCH; i++) {
        struct tokenizer_result result;
        int32_t ids[CONTEXT];
        struct buf text;
        assert_int_equal(scene_render(ds, &b->scenes[i], SIDE, rgb, NULL), 0);
        assert_memory_equal(rgb, b->pixels + i * SIDE * SIDE * 3, sizeof rgb);
        buf_init(&text, CAPTION_MAX);
        caption_prompt(ds, b->scenes[i].object, b->scenes[i].background, &text);
        assert_int_equal(
            tokenizer_encode(tokenizer, text.data, text.len, CONTEXT, ids, &result, NULL), 0);
        assert_memory_equal(ids, b->ids + i * CONTEXT, sizeof ids);
        assert_int_equal(b->end[i], result.end);
        buf_release(&text);
    }
    loader_free(l);
}

/* From a step on, the same objects on the same backgrounds stand in the middle. */
static void test_plain_from_a_step_on(void **state)
{
    struct loader_options o = options();
    struct loader *varied, *plain;

    (void)state;
    o.scene.pair_probability = 0;
    varied = start(&o, 0);
    o.plain_from = 2;
    plain = start(&o, 0);
    for (int step = 0; step < 4; step++) {
        const struct batch *a = next(varied), *b = next(plain);
        for (int i = 0; i < BATCH; i++) {
            struct scene expected = a->scenes[i];
            if (step >= 2)
                scene_plain(ds, expected.object, expected.background, &expected);
            assert_true(toy_same_scene(&b->scenes[i], &expected));
        }
    }
    loader_free(varied);
    loader_free(plain);
}

/* Pictures of a batch on its commonest background. */
static int most_alike(const struct batch *b)
{
    int n[DATASET_BACKGROUNDS] = { 0 }, most = 0;

    for (int i = 0; i < BATCH; i++) {
        int same = ++n[b->scenes[i].background];
        most = same > most ? same : most;
    }
    return most;
}

/* All on the batch's background where they may: some may not. Nothing held out is shown for it. */
static void test_alike(void **state)
{
    struct loader_options o = options();
    struct loader *mixed, *alike;
    int of_mixed = 0, of_alike = 0, batches = 12, background[12], changes = 0;

    (void)state;
    mixed = start(&o, 0);
    o.alike = 1;
    alike = start(&o, 0);
    for (int step = 0; step < batches; step++) {
        const struct batch *b = next(alike);
        of_mixed += most_alike(next(mixed));
        of_alike += most_alike(b);
        background[step] = b->scenes[0].background;
        changes += step > 0 && background[step] != background[step - 1];
        for (int i = 0; i < BATCH; i++)
            assert_false(
                dataset_combination_held_out(ds, b->scenes[i].object, b->scenes[i].background));
    }
    assert_true(of_alike > batches * BATCH / 2);
    assert_true(of_mixed < of_alike);
    assert_true(changes > 0);
    loader_free(mixed);
    loader_free(alike);
}

static void test_without_captions(void **state)
{
    struct loader_options o = options();
    struct loader *with, *without;
    const struct batch *a, *b;

    (void)state;
    with = start(&o, 0);
    o.tokenizer = NULL;
    o.context = 0;
    without = start(&o, 0);
    a = next(with);
    b = next(without);
    assert_null(b->ids);
    assert_null(b->end);
    assert_memory_equal(a->pixels, b->pixels, BATCH * SIDE * SIDE * 3);
    loader_free(with);
    loader_free(without);
}

static void test_options_are_checked(void **state)
{
    struct loader_options good = options();
    struct loader *l;
    struct err e;

    (void)state;
#define REFUSED(field, value, words)                                                               \
    do {                                                                                           \
        struct loader_options o = good;                                                            \
        o.field = value;                                                                           \
        assert_int_equal(loader_new(ds, &o, 0, &l, &e), -1);                                       \
        assert_err(&e, ERR_INVALID, words);                                                        \
    } while (0)
    REFUSED(batch, 0, "loader: batch: 0 is outside 1..65536");
    REFUSED(side, 5000, "loader: side: 5000 is outside 1..1024");
    REFUSED(threads, 17, "loader: threads: 17 is outside 1..16");
    REFUSED(ahead, 0, "loader: ahead: 0 is outside 1..64");
    REFUSED(scene.size_min, 0.98, "loader: size_min: 0.98 is above size_max 0.97");
    REFUSED(context, 0, "loader: context: 0 is outside 1..4096");
#undef REFUSED
    assert_int_equal(loader_new(ds, &good, -1, &l, &e), -1);
    assert_err(&e, ERR_INVALID, "loader: first step -1 is below 0");
}

/* A folder's split may be empty: the words of scene_objects arrive. */
static void test_empty_split(void **state)
{
    struct loader_options o = options();
    struct dataset *folder = toy_folder_set(tmp_path("folder"), 1, 8, 8);
    struct loader *l;
    struct err e;

    (void)state;
    o.split = SPLIT_HELD_OUT;
    assert_int_equal(loader_new(folder, &o, 0, &l, &e), -1);
    assert_err(&e, ERR_INVALID, "data set of 1 pictures: none is in the held-out split");
    dataset_close(folder);
}

/* A context too short for start and end cannot be encoded: the error names picture and batch, and
 * stays. */
static void test_errors_arrive(void **state)
{
    struct loader_options o = options();
    const struct batch *b;
    struct loader *l;
    struct err e;

    (void)state;
    o.context = 1;
    l = start(&o, 3);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(loader_next(l, &b, &e), -1);
        assert_non_null(strstr(e.msg, "batch 3: caption of u"));
    }
    loader_free(l);
}

static void test_free_while_busy(void **state)
{
    struct loader_options o = options();

    (void)state;
    o.threads = 8;
    o.ahead = 32;
    for (int i = 0; i < 20; i++) {
        struct loader *l = start(&o, i);
        if (i % 2)
            next(l);
        loader_free(l);
    }
    loader_free(NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_restart_goes_on_the_same),
    cmocka_unit_test(test_threads_change_nothing),
    cmocka_unit_test(test_seeds_and_splits_differ),
    cmocka_unit_test(test_epochs),
    cmocka_unit_test(test_contents),
    cmocka_unit_test(test_plain_from_a_step_on),
    cmocka_unit_test(test_alike),
    cmocka_unit_test(test_without_captions),
    cmocka_unit_test(test_options_are_checked),
    cmocka_unit_test(test_empty_split),
    cmocka_unit_test(test_errors_arrive),
    cmocka_unit_test(test_free_while_busy),
};

TEST_MAIN_WITH(tests, open_all, close_all)
