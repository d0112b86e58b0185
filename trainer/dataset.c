#include "trainer/dataset.h"

#include <string.h>

#include "base/mem.h"
#include "trainer/dataset_format.h"

const struct dataset_background dataset_backgrounds[DATASET_BACKGROUNDS] = {
    { "white", { 255, 255, 255 } }, { "black", { 24, 24, 28 } },    { "gray", { 150, 150, 150 } },
    { "red", { 214, 60, 52 } },     { "orange", { 244, 150, 50 } }, { "yellow", { 250, 222, 80 } },
    { "green", { 80, 170, 80 } },   { "blue", { 60, 110, 210 } },   { "purple", { 140, 80, 190 } },
    { "pink", { 248, 170, 200 } },  { "brown", { 140, 95, 60 } },   { "cyan", { 80, 205, 220 } },
};

const struct dataset_kind_info dataset_kinds[DATASET_KINDS] = {
    [DATASET_EMOJI] = { "emoji", 4 },
    [DATASET_FOLDER] = { "folder", 3 },
};

int dataset_background_find(const char *name)
{
    for (int b = 0; b < DATASET_BACKGROUNDS; b++)
        if (strcmp(dataset_backgrounds[b].name, name) == 0)
            return b;
    return -1;
}

bool dataset_combination_held_out(const struct dataset *ds, int object, int background)
{
    return background >= 0 && (ds->item[object].held_out_on >> background & 1);
}

static void release_strings(char **list, int n)
{
    for (int i = 0; i < n; i++)
        mem_free(list[i]);
    mem_free(list);
}

void dataset_item_release(struct dataset_item *item)
{
    mem_free(item->key);
    mem_free(item->name);
    mem_free(item->group);
    mem_free(item->subgroup);
    mem_free(item->source);
    release_strings(item->keywords, item->n_keywords);
    release_strings(item->captions, item->n_captions);
}

/* Maps a file of the directory. */
static int map_file(const char *dir, const char *name, size_t max, struct file_map *ret_map,
                    struct err *e)
{
    char *path = file_join(dir, name);
    int rc = path ? file_map_open(path, max, ret_map, e)
                  : err_set(e, ERR_NOMEM, "%s: out of memory", dir);

    mem_free(path);
    return rc;
}

static int load(const char *dir, struct dataset *ds, struct err *e)
{
    struct file_map manifest;
    int rc;

    if (map_file(dir, DATASET_PICTURES, DATASET_PICTURES_MAX, &ds->pictures, e) ||
        map_file(dir, DATASET_MANIFEST, DATASET_MANIFEST_MAX, &manifest, e))
        return -1;
    rc = dataset_read_manifest((const char *)manifest.data, manifest.size, ds, e);
    if (rc)
        err_prefix(e, "%s/%s: ", dir, DATASET_MANIFEST);
    file_map_close(&manifest);
    return rc;
}

int dataset_open(const char *dir, struct dataset **ret_ds, struct err *e)
{
    struct dataset *ds = mem_alloc(1, sizeof *ds);

    if (!ds)
        return err_set(e, ERR_NOMEM, "%s: out of memory", dir);
    if (load(dir, ds, e)) {
        dataset_close(ds);
        return -1;
    }
    *ret_ds = ds;
    return 0;
}

void dataset_close(struct dataset *ds)
{
    if (!ds)
        return;
    for (int i = 0; i < ds->n; i++)
        dataset_item_release(&ds->item[i]);
    mem_free(ds->item);
    file_map_close(&ds->pictures);
    mem_free(ds);
}
