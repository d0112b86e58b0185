#include "kernels/tape.h"

#include "base/mem.h"
#include "kernels/op_impl.h"

struct tape {
    struct tape_node **nodes; /* the nodes themselves belong to the pass's arena */
    size_t n, cap;
};

struct tape *tape_new(void)
{
    return mem_alloc(1, sizeof(struct tape));
}

void tape_free(struct tape *t)
{
    if (!t)
        return;
    mem_free(t->nodes);
    mem_free(t);
}

void tape_clear(struct tape *t)
{
    t->n = 0;
}

size_t tape_mark(const struct tape *t)
{
    return t->n;
}

static bool reserve_one(struct pass *p, struct tape *t)
{
    struct tape_node **nodes = mem_grow(t->nodes, t->n, &t->cap, sizeof *nodes);
    if (!nodes) {
        pass_fail(p, ERR_NOMEM, "tape: no memory for more than %zu records", t->n);
        return false;
    }
    t->nodes = nodes;
    return true;
}

struct tape_node *tape_append(struct pass *p, tape_adjoint *adjoint, struct tensor *out, int n,
                              const struct tensor *const *in)
{
    if (pass_failed(p) || !op_records(p, n, in) || !reserve_one(p, p->tape))
        return NULL;
    struct tape_node *node = arena_host(p->arena, sizeof *node, &p->err);
    if (!node)
        return NULL;
    node->adjoint = adjoint;
    node->out = out;
    for (int i = 0; i < n; i++)
        node->in[i] = in[i];
    out->wants_grad = true;
    p->tape->nodes[p->tape->n++] = node;
    return node;
}

/* Ops only read the tensors they are given; the gradient's place in them is the tape's, which is
 * why const is cast away here and nowhere else. */
void tape_set_grad(const struct tensor *t, struct tensor *grad)
{
    ((struct tensor *)t)->grad = grad;
}

struct tensor *tape_grad(struct pass *p, const struct tensor *t)
{
    if (pass_failed(p) || !t || !t->wants_grad)
        return NULL;
    if (t->grad)
        return t->grad;
    struct tensor *grad = op_like(p, t);
    if (!grad)
        return NULL;
    CALL(p, zero, grad->data, tensor_bytes(grad));
    tape_set_grad(t, grad);
    return grad;
}

void tape_seed(struct pass *p, const struct tensor *t, float value)
{
    if (pass_failed(p))
        return;
    struct tensor *grad = tape_grad(p, t);
    if (!grad)
        pass_fail(p, ERR_INTERNAL,
                  "tape: the seeded tensor wants no gradient: it is made from "
                  "nothing that does");
    else
        CALL(p, fill, grad, value);
}

void tape_add_grad(struct pass *p, const struct tensor *t, const struct tensor *grad, float s)
{
    if (!t || !grad || pass_failed(p))
        return;
    if (!tensor_same_shape(t, grad))
        op_misfit(p, __func__, t, grad, "a gradient has the shape of its tensor");
    else if (tape_grad(p, t))
        CALL(p, axpy, s, grad, t->grad);
}

void tape_backward(struct pass *p, size_t from, size_t to)
{
    for (size_t i = to; i > from && !pass_failed(p); i--) {
        struct tape_node *node = p->tape->nodes[i - 1];
        if (node->out->grad)
            node->adjoint(p, node);
    }
}
