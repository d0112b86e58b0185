/*
 * What each opcode does to the machine: pickle_ops.c has values and containers, pickle_calls.c
 * names and calls. Private to the pickle files; pickle.c has the table.
 */
#ifndef CONVERT_PICKLE_OPS_H
#define CONVERT_PICKLE_OPS_H

#include "convert/pickle_machine.h"

/* What follows an opcode. */
struct argument {
    int64_t i;
    double real;
    struct pickle_text text, module;
};

typedef int pickle_run(struct machine *m, const struct argument *a, struct err *e);

pickle_run pickle_run_mark, pickle_run_pop, pickle_run_pop_mark, pickle_run_dup, pickle_run_put,
    pickle_run_memoize, pickle_run_get, pickle_run_none, pickle_run_true, pickle_run_false,
    pickle_run_int, pickle_run_real, pickle_run_text, pickle_run_long, pickle_run_empty_list,
    pickle_run_empty_dict, pickle_run_tuple, pickle_run_dict, pickle_run_tuple1, pickle_run_tuple2,
    pickle_run_tuple3, pickle_run_append, pickle_run_appends, pickle_run_setitem,
    pickle_run_setitems;
/* pickle_calls.c */
pickle_run pickle_run_global, pickle_run_stack_global, pickle_run_call, pickle_run_newobj_ex,
    pickle_run_build, pickle_run_persistent;

#endif
