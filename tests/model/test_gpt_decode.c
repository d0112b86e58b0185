/* Decoding through the cache gives what the whole sequence at once gives: position by position,
 * several positions at a time, and slots at different positions in one step. */
#include <math.h>

#include "base/mem.h"
#include "tests/model/tiny.h"
#include "tests/test.h"

struct fixture {
    struct tiny_decoder d;
    int T, V;
    float *whole; /* [TINY_SLOTS, T, V]: logits of whole sequences */
};

static float *whole_sequences(struct tiny_gpt *t, const int32_t *ids)
{
    struct pass *p = golden_pass(&t->g, false);
    int64_t T = t->net.config.tokens;
    struct tensor *cond = golden_input(&t->g, "in.cond", GOLDEN_AS_STORED);
    struct tensor *tokens = pass_upload(p, DTYPE_I32, 2, (int64_t[]){ TINY_SLOTS, T }, ids);

    tokens = op_slice(p, tokens, 1, 0, T - 1);
    return golden_download(&t->g, gpt_forward(p, &t->net, cond, tokens, NULL));
}

static void open_fixture(struct fixture *f)
{
    tiny_decoder_open(&f->d);
    f->T = f->d.t.net.config.tokens;
    f->V = f->d.t.net.config.vocab;
    f->whole = whole_sequences(&f->d.t, f->d.tokens);
}

static void close_fixture(struct fixture *f)
{
    mem_free(f->whole);
    tiny_decoder_close(&f->d);
}

/* Logits of n positions of one row against those of the whole sequence. */
static void compare_row(const struct fixture *f, const float *got, struct tiny_row row, int n)
{
    const float *want = f->whole + ((int64_t)row.slot * f->T + row.pos) * f->V;
    double largest = 0;

    for (int i = 0; i < TINY_SLOTS * f->T * f->V; i++)
        largest = fmax(largest, fabs(f->whole[i]));
    for (int i = 0; i < n * f->V; i++)
        if (!(fabs((double)got[i] - want[i]) <= GOLDEN_LOGITS * largest))
            fail_msg("slot %d, position %d: logit %d is %g instead of %g", (int)row.slot,
                     (int)row.pos + i / f->V, i % f->V, (double)got[i], (double)want[i]);
}

/* n positions of every row in one step. */
static void step(struct fixture *f, const struct tiny_row *row, int rows, int n)
{
    float *logits = tiny_decoder_step(&f->d, row, rows, n);

    for (int r = 0; r < rows; r++)
        compare_row(f, logits + (int64_t)r * n * f->V, row[r], n);
    mem_free(logits);
}

static void one_position_at_a_time(void **state)
{
    (void)state;
    struct fixture f;

    open_fixture(&f);
    for (int i = 0; i < f.T; i++)
        step(&f, (struct tiny_row[]){ { 0, i }, { 1, i }, { 2, i } }, 3, 1);
    close_fixture(&f);
}

static void several_positions_at_a_time(void **state)
{
    (void)state;
    struct fixture f;

    open_fixture(&f);
    step(&f, (struct tiny_row[]){ { 2, 0 }, { 0, 0 } }, 2, 6);
    step(&f, (struct tiny_row[]){ { 2, 6 }, { 0, 6 } }, 2, 7);
    step(&f, (struct tiny_row[]){ { 0, 13 }, { 2, 13 } }, 2, 3);
    close_fixture(&f);
}

/* Slots join between steps and go on together, each at its own position. */
static void slots_at_different_positions(void **state)
{
    (void)state;
    struct fixture f;

    open_fixture(&f);
    step(&f, (struct tiny_row[]){ { 1, 0 } }, 1, 5);
    step(&f, (struct tiny_row[]){ { 0, 0 } }, 1, 1);
    step(&f, (struct tiny_row[]){ { 0, 1 }, { 1, 5 } }, 2, 1);
    step(&f, (struct tiny_row[]){ { 2, 0 } }, 1, 1);
    step(&f, (struct tiny_row[]){ { 2, 1 }, { 1, 6 }, { 0, 2 } }, 3, 1);
    step(&f, (struct tiny_row[]){ { 0, 3 }, { 1, 7 }, { 2, 2 } }, 3, 4);
    close_fixture(&f);
}

static int largest_of(const float *row, int n)
{
    int best = 0;

    for (int i = 1; i < n; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

/* Every greedy token is the likeliest one after the tokens before it. */
static void greedy_tokens_need_no_cache(void **state)
{
    (void)state;
    struct fixture f;
    int32_t cached[TINY_SLOTS * 64];

    open_fixture(&f);
    tiny_gpt_greedy(&f.d.t, f.d.cond, TINY_SLOTS, cached);
    float *logits = whole_sequences(&f.d.t, cached);
    for (int i = 0; i < TINY_SLOTS * f.T; i++)
        assert_int_equal(largest_of(logits + (int64_t)i * f.V, f.V), cached[i]);
    mem_free(logits);
    close_fixture(&f);
}

static void a_sequence_starts_with_its_condition(void **state)
{
    (void)state;
    struct tiny_gpt t;
    struct err e = { 0 };

    tiny_gpt_open(&t);
    struct pass *p = golden_pass(&t.g, false);
    int64_t dim[] = { TINY_SLOTS, t.net.config.tokens };
    assert_null(gpt_forward(p, &t.net, NULL, golden_ids(&t.g, "in.tokens", 2, dim), NULL));
    assert_int_equal(pass_finish(p, &e), -1);
    assert_string_equal(e.msg, "gpt: a sequence starts with its condition");
    tiny_gpt_close(&t);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(one_position_at_a_time),
    cmocka_unit_test(several_positions_at_a_time),
    cmocka_unit_test(slots_at_different_positions),
    cmocka_unit_test(greedy_tokens_need_no_cache),
    cmocka_unit_test(a_sequence_starts_with_its_condition),
};
TEST_MAIN(TESTS)
