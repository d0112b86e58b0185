#include "convert/options.h"

#define PATH(key, help)                                                                            \
    CONF_STRING("convert", #key, "", OPTIONS_PATH_MAX, struct options, key, help)

const struct conf_row OPTIONS_ROWS[] = {
    PATH(inspect, "print every tensor of this file: name, dtype, shape, minimum, maximum, NaN"),
    CONF_STRING("convert", "key", "", 255, struct options, key,
                "which dictionary of a torch file holds the weights; empty: state_dict, model, "
                "module or ema"),
    CONF_END,
};
