/*
 * 16-bit floats: IEEE half (F16) and bfloat16 (BF16), by their bits.
 * Rounding is to nearest even; infinities and NaN stay what they are.
 */
#ifndef BASE_HALF_H
#define BASE_HALF_H

#include <stdint.h>

float half_from_f16(uint16_t bits);
float half_from_bf16(uint16_t bits);
uint16_t half_to_f16(float x); /* over 65504: infinity */
uint16_t half_to_bf16(float x);

#endif
