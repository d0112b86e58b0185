#include "bench/part.h"

#include "base/clock.h"

const struct part PARTS[] = {
    { "decode_b1_f32", "all tokens of 1 sequence, weights f32", &PART_DECODE, 1 },
    { "decode_b8_f32", "all tokens of 8 sequences, weights f32", &PART_DECODE, 8 },
    { "decode_b64_f32", "all tokens of 64 sequences, weights f32", &PART_DECODE, 64 },
    { "vqgan_decode", "tokens of one picture to pixels", &PART_VQGAN_DECODE, 1 },
    { "clip_text", "one prompt of full length", &PART_CLIP_TEXT, 1 },
    { "clip_image", "one picture", &PART_CLIP_IMAGE, 1 },
    { "text_to_8of64", "one prompt, 64 candidates, the best 8", &PART_TEXT_TO_BEST, 64 },
    { "train_gpt", "a step of the transformer", &PART_TRAIN_GPT, 0 },
    { "train_vqgan", "a step of encoder and decoder", &PART_TRAIN_VQGAN, 0 },
};

const int N_PARTS = sizeof PARTS / sizeof PARTS[0];

void bench_lap(struct bench *b, int stage, int64_t start)
{
    b->stage_seconds[stage] += (double)(clock_ns() - start) * 1e-9;
}
