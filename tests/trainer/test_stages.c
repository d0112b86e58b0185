/*
 * The whole way with the real program: a folder of pictures, every stage, a SIGTERM in the middle
 * of one, and a bundle that opens and draws.
 */
#include "tests/tmp.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/num.h"
#include "base/png.h"
#include "model/generate.h"
#include "model/weights.h"

enum { PICTURES = 48, SIDE = 32, ARGS_MAX = 16, WAIT_MS = 120000 };

static const char RECIPE[] = "[run]\n"
                             "threads = 1\n"
                             "save_s = 86400\n"
                             "[data]\n"
                             "source = folder\n"
                             "side = 16\n"
                             "[clip]\n"
                             "clip_embed = 16\n"
                             "clip_width = 16\n"
                             "clip_layers = 1\n"
                             "clip_heads = 2\n"
                             "clip_context = 16\n"
                             "clip_text_width = 16\n"
                             "clip_text_layers = 1\n"
                             "clip_text_heads = 2\n"
                             "clip_steps = 20\n"
                             "clip_batch = 8\n"
                             "[vqgan]\n"
                             "vqgan_ch = 8\n"
                             "vqgan_mult = 1,1,2\n"
                             "vqgan_groups = 4\n"
                             "vqgan_z = 4\n"
                             "vqgan_codebook = 32\n"
                             "disc_ch = 4\n"
                             "disc_layers = 1\n"
                             "gan_weight = 0.8\n"
                             "gan_start = 10\n"
                             "gan_warmup = 2\n"
                             "vqgan_steps = 20\n"
                             "vqgan_batch = 4\n"
                             "[gpt]\n"
                             "gpt_layers = 1\n"
                             "gpt_width = 32\n"
                             "gpt_heads = 2\n"
                             "gpt_steps = 20\n"
                             "gpt_batch = 4\n"
                             "[eval]\n"
                             "eval_prompts = 6\n";

/* ---- the pictures: squares of a colour on another, named after them ---- */

static const struct {
    const char *name;
    uint8_t rgb[3];
} COLOURS[] = {
    { "red", { 220, 40, 40 } },
    { "green", { 40, 170, 60 } },
    { "blue", { 40, 80, 220 } },
    { "white", { 250, 250, 250 } },
};

static void put_picture(int i)
{
    int front = i % 4, back = i / 4 % 4, left = 4 + i % 9, top = 4 + i % 7;
    struct image img;
    char name[64], words[64];

    assert_int_equal(image_new(SIDE, SIDE, 3, &img, NULL), 0);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            bool inside = x >= left && x < left + 16 && y >= top && y < top + 16;
            memcpy(image_row(&img, y) + 3 * x, COLOURS[inside ? front : back].rgb, 3);
        }
    snprintf(name, sizeof name, "in/square-%d.png", i);
    assert_int_equal(png_write(&img, tmp_path(name), NULL), 0);
    image_release(&img);
    snprintf(name, sizeof name, "in/square-%d.txt", i);
    snprintf(words, sizeof words, "a %s square on %s", COLOURS[front].name, COLOURS[back].name);
    assert_int_equal(file_write(tmp_path(name), words, strlen(words), NULL), 0);
}

/* ---- the program ---- */

static pid_t start(const char *stage, const char *more)
{
    char program[512];
    const char *dir = getenv("BUILDDIR");
    snprintf(program, sizeof program, "%s/clipgen-trainer", dir ? dir : ".");
    const char *argv[ARGS_MAX] = { program,        stage,
                                   "--config",     tmp_path("recipe.conf"),
                                   "--dir",        tmp_path("work"),
                                   "--folder",     tmp_path("in"),
                                   "--bundle-dir", tmp_path("bundle"),
                                   more,           NULL };
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        execv(program, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static int wait_for(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_stage(const char *stage)
{
    assert_int_equal(wait_for(start(stage, NULL)), 0);
}

static int lines_of(const char *name)
{
    struct buf text;
    int lines = 0;

    buf_init(&text, 1 << 20);
    if (!file_read(tmp_path(name), 1 << 20, &text, NULL))
        for (size_t i = 0; i < text.len; i++)
            lines += text.data[i] == '\n';
    buf_release(&text);
    return lines;
}

static void wait_for_lines(const char *name, int n)
{
    const struct timespec pause = { 0, 2000000 };
    int64_t start_ms = clock_ms();

    while (lines_of(name) < n) {
        assert_true(clock_ms() - start_ms < WAIT_MS);
        nanosleep(&pause, NULL);
    }
}

static int checkpoint_step(const char *name)
{
    struct weights *w;
    int64_t step;

    assert_int_equal(weights_open(tmp_path(name), &w, NULL), 0);
    assert_int_equal(num_parse_int(weights_metadata(w, "step"), "step", 0, 1000000, &step, NULL),
                     0);
    weights_close(w);
    return (int)step;
}

/* ---- the tests, in order ---- */

static void test_no_data_yet(void **state)
{
    (void)state;
    assert_int_equal(wait_for(start("clip", NULL)), 1);
    assert_int_equal(wait_for(start("paint", NULL)), 2);
    assert_int_equal(wait_for(start("clip", "--clip-steps=none")), 2);
    assert_int_equal(wait_for(start("clip", "--help")), 0);
}

static void test_data(void **state)
{
    (void)state;
    run_stage("data");
    assert_true(file_exists(tmp_path("work/data/manifest.json")));
    assert_true(file_exists(tmp_path("work/data/vocab.txt")));
}

static void test_vqgan(void **state)
{
    (void)state;
    assert_int_equal(wait_for(start("clip", NULL)), 1); /* it wants rebuilt pictures */
    run_stage("vqgan");
    assert_true(file_exists(tmp_path("work/vqgan/preview-000020.png")));
}

/* SIGTERM saves and exits 0; the same command goes on from there. */
static void test_interrupted_clip(void **state)
{
    char more[32];
    pid_t pid;
    int lines;

    (void)state;
    pid = start("clip", "--clip-steps=1000000");
    wait_for_lines("work/clip/metrics.jsonl", 3);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(wait_for(pid), 0);
    lines = lines_of("work/clip/metrics.jsonl");
    assert_int_equal(checkpoint_step("work/clip/checkpoint.safetensors"), lines);
    snprintf(more, sizeof more, "--clip-steps=%d", lines + 5);
    assert_int_equal(wait_for(start("clip", more)), 0);
    assert_int_equal(lines_of("work/clip/metrics.jsonl"), lines + 5);
}

static void test_gpt(void **state)
{
    (void)state;
    run_stage("gpt");
    assert_true(file_exists(tmp_path("work/gpt/preview-000020.png")));
    assert_int_equal(lines_of("work/gpt/metrics.jsonl"), 20);
}

static void test_bundle_draws(void **state)
{
    struct gen_settings settings = { .seed = 3, .temperature = 1, .top_p = 1, .guidance = 2 };
    struct device *dev;
    struct bundle *b;
    struct gen *g;
    struct image img;
    struct err e;
    float embed[16] = { 1 };
    int slot;

    (void)state;
    run_stage("bundle");
    assert_int_equal(device_open("cpu", 1, &dev, NULL), 0);
    if (bundle_open(tmp_path("bundle"), dev, PARAM_PLAIN, &b, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(b->config.gpt.tokens, 16);
    assert_int_equal(gen_new(b, 4, &g, NULL), 0);
    assert_int_equal(gen_condition(g, embed, GEN_TEXT, embed, NULL), 0);
    assert_int_equal(gen_admit(g, embed, NULL, &settings, &slot, NULL), 0);
    while (gen_live(g))
        assert_int_equal(gen_step(g, NULL), 0);
    assert_int_equal(gen_image(g, slot, &img, NULL), 0);
    assert_int_equal(img.w, 16);
    image_release(&img);
    gen_free(g);
    bundle_close(b);
    device_close(dev);
}

static void test_eval(void **state)
{
    static const char *const FIELDS[] = { "\"prompts\": 6", "\"psnr\": ", "\"clip_top5\": " };
    struct buf text;

    (void)state;
    run_stage("eval");
    assert_true(file_exists(tmp_path("bundle/sheet.png")));
    buf_init(&text, 65536);
    assert_int_equal(file_read(tmp_path("bundle/eval.json"), 65536, &text, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(text.data, FIELDS[i]));
    assert_null(strstr(text.data, "background")); /* a folder has none */
    buf_release(&text);
}

static int make(void **state)
{
    if (tmp_make(state) || file_make_dirs(tmp_path("in"), NULL))
        return -1;
    for (int i = 0; i < PICTURES; i++)
        put_picture(i);
    return file_write(tmp_path("recipe.conf"), RECIPE, sizeof RECIPE - 1, NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_no_data_yet), cmocka_unit_test(test_data),
    cmocka_unit_test(test_vqgan),       cmocka_unit_test(test_interrupted_clip),
    cmocka_unit_test(test_gpt),         cmocka_unit_test(test_bundle_draws),
    cmocka_unit_test(test_eval),
};

TEST_MAIN_WITH(tests, make, tmp_remove)
