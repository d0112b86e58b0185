/*
 * Our VQGAN counts the layers of a stack through (HFAiLab/clip-gen: encoder.down.7); other families
 * name the level, the kind and the block. This is the name in between, which their tables start
 * from:
 *
 *     encoder.down.7.block.2.weight  ->  encoder.2.res.1.block.2.weight
 *     encoder.down.5.conv.weight     ->  encoder.1.change.conv.weight
 *     decoder.up.1.norm.weight       ->  decoder.4.attn.0.norm.weight
 *
 * Level 0 is the largest picture; families that count the decoder's levels the other way say so.
 */
#ifndef CONVERT_VQGAN_NAMES_H
#define CONVERT_VQGAN_NAMES_H

#include "convert/tensors.h"
#include "model/vqgan.h"

/* Names that are in no stack stay what they are. */
void vqgan_place_name(const struct vqgan_config *c, bool decoder_from_bottom, const char *ours,
                      char ret[TENSORS_NAME_MAX + 1]);

#endif
