#include "trainer/sheet.h"

#include <string.h>

#include "trainer/font.h"

enum { GAP = 8, LETTER_W = FONT_W + 1, LINE_H = FONT_H + 1, TEXT_MAX = 1024 };

static const uint8_t WHITE = 255, INK = 40;

/* ---- words to lines ---- */

/* One character for each of the text's, so that characters can be counted. Returns how many. */
static int to_ascii(const char *text, char *ret_ascii)
{
    int n = 0;
    for (; *text && n < TEXT_MAX; text++) {
        bool continues = ((unsigned char)*text & 0xC0) == 0x80;
        if (!continues)
            ret_ascii[n++] = (unsigned char)*text < 128 ? *text : FONT_MISSING;
    }
    return n;
}

/* Characters of the first line of text[n]: broken behind the last word that fits, or inside a word
 * that fits nowhere. */
static int line_length(const char *text, int n, int width)
{
    if (n <= width)
        return n;
    int end = width;
    while (end > 0 && text[end] != ' ')
        end--;
    return end ? end : width;
}

struct lines {
    char text[TEXT_MAX];
    int at[SHEET_LINES], length[SHEET_LINES], n;
};

static void mark_cut(struct lines *l)
{
    int last = l->n - 1, n = l->length[last];
    for (int i = n > 3 ? n - 3 : 0; i < n; i++)
        l->text[l->at[last] + i] = '.';
}

static void break_lines(const char *words, int width, struct lines *ret_lines)
{
    int n = to_ascii(words, ret_lines->text), at = 0;
    ret_lines->n = 0;
    while (at < n && ret_lines->n < SHEET_LINES) {
        int length = line_length(ret_lines->text + at, n - at, width);
        ret_lines->at[ret_lines->n] = at;
        ret_lines->length[ret_lines->n++] = length;
        at += length;
        while (at < n && ret_lines->text[at] == ' ')
            at++;
    }
    if (at < n)
        mark_cut(ret_lines);
}

/* ---- drawing ---- */

static void draw_letter(struct image *sheet, char c, int left, int top)
{
    for (int y = 0; y < FONT_H; y++)
        for (int x = 0; x < FONT_W; x++)
            if (font_pixel(c, x, y))
                memset(image_row(sheet, top + y) + 3 * (left + x), INK, 3);
}

static void draw_words(struct image *sheet, const char *words, int left, int top, int width)
{
    struct lines l;
    break_lines(words, width, &l);
    for (int i = 0; i < l.n; i++)
        for (int c = 0; c < l.length[i]; c++)
            draw_letter(sheet, l.text[l.at[i] + c], left + c * LETTER_W, top + i * LINE_H);
}

static void draw_enlarged(struct image *sheet, const struct image *img, int left, int top,
                          int scale)
{
    for (int y = 0; y < img->h * scale; y++)
        for (int x = 0; x < img->w * scale; x++)
            memcpy(image_row(sheet, top + y) + 3 * (left + x),
                   image_row(img, y / scale) + 3 * (x / scale), 3);
}

/* ---- the sheet ---- */

static int check(const struct image *imgs, int n, int columns, struct err *e)
{
    if (n < 1 || columns < 1)
        return err_set(e, ERR_INVALID, "sheet: %d pictures in %d columns", n, columns);
    for (int i = 0; i < n; i++)
        if (imgs[i].channels != 3 || imgs[i].w != imgs->w || imgs[i].h != imgs->h)
            return err_set(e, ERR_INVALID, "sheet: picture %d is %d x %d x %d, the first %d x %d",
                           i, imgs[i].w, imgs[i].h, imgs[i].channels, imgs->w, imgs->h);
    return 0;
}

int sheet_make(const struct image *imgs, char *const *words, int n, int columns,
               struct image *ret_sheet, struct err *e)
{
    struct image sheet;
    if (check(imgs, n, columns, e))
        return -1;
    columns = columns < n ? columns : n;
    int scale = (SHEET_CELL_MIN + imgs->w - 1) / imgs->w, w = imgs->w * scale, h = imgs->h * scale;
    int step_x = w + GAP, step_y = h + GAP + SHEET_LINES * LINE_H, rows = (n - 1) / columns + 1;
    if (image_new(columns * step_x + GAP, rows * step_y + GAP, 3, &sheet, e))
        return err_prefix(e, "sheet: ");
    memset(sheet.px, WHITE, (size_t)sheet.h * image_row_bytes(&sheet));
    for (int i = 0; i < n; i++) {
        int left = GAP + i % columns * step_x, top = GAP + i / columns * step_y;
        draw_enlarged(&sheet, &imgs[i], left, top, scale);
        draw_words(&sheet, words[i], left, top + h + 2, w / LETTER_W);
    }
    *ret_sheet = sheet;
    return 0;
}
