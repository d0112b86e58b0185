#include "model/bpe.h"

#include <stdbool.h>

#include "base/mem.h"
#include "model/unicode.h"

/* ---- bytes ---- */

static bool visible(int c)
{
    return (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || (c >= 174 && c <= 255);
}

/* How many bytes below c are visible. */
static int visible_below(int c)
{
    int n = c <= 33 ? 0 : c <= 126 ? c - 33 : 94;

    n += c <= 161 ? 0 : c <= 172 ? c - 161 : 12;
    return n + (c <= 174 ? 0 : c - 174);
}

enum { N_VISIBLE = 94 + 12 + 82 };

int32_t bpe_byte_id(unsigned char byte)
{
    int below = visible_below(byte);

    return visible(byte) ? below : N_VISIBLE + byte - below;
}

void bpe_byte_text(unsigned char byte, struct buf *out)
{
    uint32_t c = visible(byte) ? byte : (uint32_t)(256 + byte - visible_below(byte));
    char utf8[4];

    buf_append(out, utf8, unicode_encode(c, utf8));
}

/* ---- merges ---- */

int bpe_init(struct bpe *b, int merges_max, struct err *e)
{
    *b = (struct bpe){ .cap = merges_max };
    b->merge = mem_alloc((size_t)merges_max, sizeof *b->merge);
    if (!b->merge || pair_map_init(&b->rank, (size_t)merges_max, e)) {
        bpe_release(b);
        return err_set(e, ERR_NOMEM, "no memory for %d merges", merges_max);
    }
    return 0;
}

void bpe_release(struct bpe *b)
{
    mem_free(b->merge);
    pair_map_release(&b->rank);
    *b = (struct bpe){ 0 };
}

int bpe_add(struct bpe *b, int32_t left, int32_t right, struct err *e)
{
    struct pair *p;

    if (pair_map_find(&b->rank, left, right))
        return err_set(e, ERR_INVALID, "the pair is merged twice");
    p = pair_map_at(&b->rank, left, right, e);
    if (!p)
        return -1;
    p->value = b->n;
    b->merge[b->n++] = (struct bpe_pair){ left, right };
    return 0;
}

/* ---- one word ---- */

int bpe_scratch_init(struct bpe_scratch *s, size_t n, struct err *e)
{
    *s = (struct bpe_scratch){ 0 };
    s->id = mem_alloc(n, sizeof *s->id);
    s->next = mem_alloc(n, sizeof *s->next);
    s->prev = mem_alloc(n, sizeof *s->prev);
    s->heap = mem_alloc(3 * n, sizeof *s->heap); /* n - 1 pairs, and two new ones a merge */
    if (!s->id || !s->next || !s->prev || !s->heap) {
        bpe_scratch_release(s);
        return err_set(e, ERR_NOMEM, "no memory for a word of %zu bytes", n);
    }
    return 0;
}

void bpe_scratch_release(struct bpe_scratch *s)
{
    mem_free(s->id);
    mem_free(s->next);
    mem_free(s->prev);
    mem_free(s->heap);
    *s = (struct bpe_scratch){ 0 };
}

static void heap_push(struct bpe_scratch *s, uint64_t key)
{
    size_t i = s->n_heap++;

    for (; i > 0 && s->heap[(i - 1) / 2] > key; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = key;
}

static uint64_t heap_pop(struct bpe_scratch *s)
{
    uint64_t top = s->heap[0], key = s->heap[--s->n_heap];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < s->n_heap) {
        child += child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child];
        if (key <= s->heap[child])
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = key;
    return top;
}

/* Offers the pair that begins at place. */
static void offer(const struct bpe *b, struct bpe_scratch *s, int32_t place, int32_t n)
{
    const struct pair *p;

    if (s->next[place] == n)
        return;
    p = pair_map_find(&b->rank, s->id[place], s->id[s->next[place]]);
    if (p)
        heap_push(s, (uint64_t)p->value << 32 | (uint32_t)place);
}

/* Merges the pair at place, if an earlier merge has left it as it was when offered. */
static void merge(const struct bpe *b, struct bpe_scratch *s, int32_t rank, int32_t place,
                  int32_t n)
{
    int32_t right = s->next[place];

    if (s->id[place] != b->merge[rank].left || right == n || s->id[right] != b->merge[rank].right)
        return;
    s->id[place] = BPE_FIRST_MERGE + rank;
    s->id[right] = -1;
    s->next[place] = s->next[right];
    if (s->next[place] != n)
        s->prev[s->next[place]] = place;
    offer(b, s, place, n);
    if (s->prev[place] >= 0)
        offer(b, s, s->prev[place], n);
}

void bpe_word(const struct bpe *b, const char *word, size_t size, struct bpe_scratch *s)
{
    int32_t n = (int32_t)size;

    s->n_heap = 0;
    for (int32_t i = 0; i < n; i++) {
        s->id[i] = bpe_byte_id((unsigned char)word[i]) + (i == n - 1 ? BPE_BYTES : 0);
        s->next[i] = i + 1;
        s->prev[i] = i - 1;
    }
    for (int32_t i = 0; i < n; i++)
        offer(b, s, i, n);
    while (s->n_heap) {
        uint64_t top = heap_pop(s);
        merge(b, s, (int32_t)(top >> 32), (int32_t)(top & 0xffffffff), n);
    }
}
