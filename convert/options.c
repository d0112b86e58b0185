#include "convert/options.h"

#include "model/bundle.h"

#define NETWORKS "networks"
#define BUNDLE "bundle"
#define UNKNOWN "what no tensor tells"
#define OTHER "other"

#define PATH(section, key, help)                                                                   \
    CONF_STRING(section, #key, "", OPTIONS_PATH_MAX, struct options, key, help)

const struct conf_row OPTIONS_ROWS[] = {
    PATH(NETWORKS, clip, "CLIP weights: a file, or a directory as Hugging Face has it"),
    PATH(NETWORKS, vqgan, "VQGAN weights"),
    PATH(NETWORKS, gpt, "transformer weights"),
    PATH(NETWORKS, vocab,
         "bpe_simple_vocab_16e6.txt(.gz), merges.txt or tokenizer.json; empty: beside CLIP"),
    CONF_STRING(NETWORKS, "key", "", 255, struct options, key,
                "dictionary of a torch file that holds the weights; empty: state_dict, model, "
                "module or ema"),
    PATH(BUNDLE, output, "directory to make"),
    CONF_ENUM(BUNDLE, "dtype", "f32", BUNDLE_DTYPES, struct options, dtype,
              "how weights are stored; q8_0 and q4_0: matrices of CLIP and of the transformer in "
              "blocks of 32 numbers with a scale, and the rest as f32"),
    CONF_STRING(BUNDLE, "name", "", 63, struct options, name,
                "name of the model; empty: the directory's"),
    CONF_STRING(BUNDLE, "licence", "", 255, struct options, licence,
                "licence of the weights, in a line"),
    PATH(BUNDLE, licence_file, "licence text, which is copied into the bundle"),
    CONF_ENUM(UNKNOWN, "clip_activation", "auto", "auto|gelu|quick_gelu", struct options,
              clip_activation, "activation of both CLIP towers"),
    CONF_INT(UNKNOWN, "clip_heads", "0", 0, 256, struct options, clip_heads,
             "attention heads of CLIP's image tower; 0: width / 64"),
    CONF_INT(UNKNOWN, "clip_text_heads", "0", 0, 256, struct options, clip_text_heads,
             "attention heads of CLIP's text tower; 0: width / 64"),
    CONF_INT(UNKNOWN, "gpt_heads", "0", 0, 256, struct options, gpt_heads,
             "attention heads of the transformer; 0: width / 64"),
    CONF_ENUM(UNKNOWN, "vqgan_range", "auto", "auto|signed|unit", struct options, vqgan_range,
              "pixels of the VQGAN: [-1, 1] or [0, 1]; auto: unit for min-dalle's decoder"),
    CONF_ENUM(UNKNOWN, "vqgan_unit_codes", "auto", "auto|no|yes", struct options, vqgan_unit_codes,
              "codebook rows are compared at unit length; auto: for LlamaGen"),
    CONF_INT(UNKNOWN, "vqgan_groups", "32", 1, 1024, struct options, vqgan_groups,
             "groups of the VQGAN's group norms"),
    CONF_REAL(UNKNOWN, "vqgan_eps", "0", 0, 0.1, struct options, vqgan_eps,
              "epsilon of the VQGAN's group norms; 0: 1e-5 for HFAiLab, 1e-6 for others"),
    PATH(OTHER, inspect,
         "print every tensor of this file: name, dtype, shape, minimum, maximum, NaN"),
    PATH(OTHER, verify, "check this bundle: fields, tensors, vocabulary, SHA-256, every value"),
    CONF_ENUM(OTHER, "export", "no", "no|hfailab|hf", struct options, export,
              "write --bundle under the names of HFAiLab/clip-gen, or CLIP under Hugging Face's"),
    PATH(OTHER, bundle, "the bundle to export"),
    CONF_END,
};
