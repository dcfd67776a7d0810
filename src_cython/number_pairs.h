/* Numbers of pairs of doubles, in the order in which they came, by open addressing. */
#ifndef PYHIER_NUMBER_PAIRS_H
#define PYHIER_NUMBER_PAIRS_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "mixed_bits.h"

#define FIRST_ROOM 4096

/* slot: 2 room numbers of pairs, -1 where there is none. */
typedef struct number_pairs {
    ptrdiff_t count, room;
    double *key;               /* (room, 2) */
    ptrdiff_t *slot;
} number_pairs;

/* Forget all, with room for so many, a power of two; 0 where there is no memory. */
static int empty_pairs(number_pairs *p, ptrdiff_t room)
{
    free(p->key);
    free(p->slot);
    p->key = malloc(2 * (size_t)room * sizeof *p->key);
    p->slot = malloc(2 * (size_t)room * sizeof *p->slot);
    p->count = 0;
    p->room = room;
    if (p->key == NULL || p->slot == NULL)
        return 0;
    memset(p->slot, 0xff, 2 * (size_t)room * sizeof *p->slot);
    return 1;
}

/* The number of a pair, a new one where it was not there; there is room for one more. */
static ptrdiff_t pair_number(number_pairs *p, double x, double y)
{
    const double key[2] = {x + 0.0, y + 0.0}; /* -0 is 0 */
    const size_t last = 2 * (size_t)p->room - 1;
    uint64_t bits, h;
    memcpy(&bits, &key[0], sizeof bits);
    h = mixed_bits(bits);
    memcpy(&bits, &key[1], sizeof bits);
    h = mixed_bits(h ^ bits);
    size_t at = (size_t)h & last;
    for (; p->slot[at] >= 0; at = (at + 1) & last) {
        const double *known = &p->key[2 * p->slot[at]];
        if (known[0] == key[0] && known[1] == key[1])
            return p->slot[at];
    }
    p->slot[at] = p->count;
    memcpy(&p->key[2 * p->count], key, sizeof key);
    return p->count++;
}

/* Make room for more pairs; 0 where there is no memory. */
static int more_pairs(number_pairs *p, ptrdiff_t more)
{
    ptrdiff_t room = p->room;
    const ptrdiff_t count = p->count;
    while (room < p->count + more)
        room *= 2;
    if (room == p->room)
        return 1;
    double *known = malloc(2 * (size_t)(count + 1) * sizeof *known);
    if (known == NULL)
        return 0;
    if (count > 0)
        memcpy(known, p->key, 2 * (size_t)count * sizeof *known);
    const int made = empty_pairs(p, room);
    for (ptrdiff_t k = 0; made && k < count; k++)
        pair_number(p, known[2 * k], known[2 * k + 1]);
    free(known);
    return made;
}

/* Forget all but the first ones. */
static void fewer_pairs(number_pairs *p, ptrdiff_t count)
{
    memset(p->slot, 0xff, 2 * (size_t)p->room * sizeof *p->slot);
    p->count = 0;
    for (ptrdiff_t k = 0; k < count; k++)
        pair_number(p, p->key[2 * k], p->key[2 * k + 1]);
}

#endif
