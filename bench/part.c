#include "bench/part.h"

#include "base/clock.h"

#define DECODE(format, name)                                                                       \
    { "decode_b1_" name, "all tokens of 1 sequence", &PART_DECODE, 1, format },                    \
        { "decode_b8_" name, "all tokens of 8 sequences", &PART_DECODE, 8, format },               \
    {                                                                                              \
        "decode_b64_" name, "all tokens of 64 sequences", &PART_DECODE, 64, format                 \
    }

/* Those of one format together: a bundle is made for each. */
const struct part PARTS[] = {
    DECODE(PARAM_F32, "f32"),
    { "vqgan_decode", "tokens of one picture to pixels", &PART_VQGAN_DECODE, 1, PARAM_F32 },
    { "clip_text", "one prompt of full length", &PART_CLIP_TEXT, 1, PARAM_F32 },
    { "clip_image", "one picture", &PART_CLIP_IMAGE, 1, PARAM_F32 },
    { "sample_b1", "choosing all tokens of 1 sequence", &PART_SAMPLE, 1, PARAM_F32 },
    { "sample_b8", "choosing all tokens of 8 sequences", &PART_SAMPLE, 8, PARAM_F32 },
    { "sample_b64", "choosing all tokens of 64 sequences", &PART_SAMPLE, 64, PARAM_F32 },
    DECODE(PARAM_F16, "f16"),
    DECODE(PARAM_Q8_0, "q8"),
    { "clip_text_q8", "one prompt of full length", &PART_CLIP_TEXT, 1, PARAM_Q8_0 },
    { "clip_image_q8", "one picture", &PART_CLIP_IMAGE, 1, PARAM_Q8_0 },
    { "text_to_8of64", "one prompt, 64 candidates, the best 8", &PART_TEXT_TO_BEST, 64,
      PARAM_Q8_0 },
    DECODE(PARAM_Q4_0, "q4"),
    { "train_gpt", "a step of the transformer", &PART_TRAIN_GPT, 0, PARAM_PLAIN },
    { "train_vqgan", "a step of encoder and decoder", &PART_TRAIN_VQGAN, 0, PARAM_PLAIN },
};

const int N_PARTS = sizeof PARTS / sizeof PARTS[0];

void bench_lap(struct bench *b, int stage, int64_t start)
{
    b->stage_seconds[stage] += (double)(clock_ns() - start) * 1e-9;
}
